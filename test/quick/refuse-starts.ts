// Loaded before each quick test: starting a process, a thread or a server throws.

import childProcess from 'node:child_process'
import dgram from 'node:dgram'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import threads from 'node:worker_threads'

function refuse(what: string): () => never {
  return () => {
    throw new Error(`A quick test started ${what}: see test/quick/choose.ts`)
  }
}

const processStart = refuse('a process')
for (const name of ['exec', 'execFile', 'fork', 'spawn', 'execFileSync', 'execSync', 'spawnSync']) {
  Object.assign(childProcess, { [name]: processStart })
}
Object.assign(net.Server.prototype, { listen: refuse('a server') })
Object.assign(dgram.Socket.prototype, { bind: refuse('a server') })
Object.assign(threads, {
  Worker: class {
    constructor() {
      refuse('a thread')()
    }
  },
})
syncBuiltinESMExports()
