// Loaded before a program by `--import`. Writes the paths of all modules that the program loads to
// the file in SKALD_MODULE_RECORD, one per line, and at its end the names of Node's internal ones.

import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const file = process.env.SKALD_MODULE_RECORD!
registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(file, `${url}\n`)
    return nextLoad(url, context)
  },
})
process.on('exit', () => {
  // Node has no documented list.
  const { moduleLoadList } = process as unknown as { readonly moduleLoadList: readonly string[] }
  for (const name of moduleLoadList) appendFileSync(file, `${name}\n`)
})
