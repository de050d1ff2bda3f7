// Runs a store that ends before or after its n-th call to the disk: node crashing-main.ts DIR N before|after.
// Prints its URL. With N = 0 it never ends by itself.

import { writeSync } from 'node:fs'
import { pino } from 'pino'
import { loadStoreConfig } from '../../src/config.ts'
import { type OpenFile, type StoreFiles, systemFiles } from '../../src/objects/files.ts'
import { startStore } from '../../src/store.ts'

const [dir = '', at = '0', when = 'before'] = process.argv.slice(2)
let calls = 0

function end(): never {
  writeSync(1, `\nended ${when} call ${calls}\n`)
  process.kill(process.pid, 'SIGKILL')
  // The signal arrives at once, and nothing may run meanwhile.
  for (;;);
}

async function call<T>(work: () => Promise<T>): Promise<T> {
  const isLast = ++calls === Number(at)
  if (isLast && when === 'before') end()
  const result = await work()
  if (isLast) end()
  return result
}

/** Counts the calls of a set of functions. */
function counted<T extends object>(target: T): T {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const bound = value.bind(target) as (...args: unknown[]) => Promise<unknown>
      if (name === 'close') return bound
      return (...args: unknown[]) =>
        call(async () => {
          const result = await bound(...args)
          return name === 'open' ? counted(result as OpenFile) : result
        })
    },
  })
}

const loaded = loadStoreConfig(
  `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
common: {path_prefix: ${JSON.stringify(dir)}}
compactor: {retention_enabled: true, delete_request_cancel_period: 0s, delete_request_store: filesystem}
limits_config: {deletion_mode: filter-and-delete, reject_old_samples: false}
`,
  'crashing.yaml',
)
const files: StoreFiles = counted(systemFiles)
const store = await startStore({
  ...{ loaded, files, version: 'crashing' },
  logger: pino({ level: 'error' }, process.stderr),
})
writeSync(1, `${store.url}\n`)
