// Loaded before a program by `--import`: writes the paths of all modules that the program loads into the
// file that SKALD_MODULE_RECORD names, one a line, and at its end the names of those inside of Node.

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
