// Loaded before each test of `npm test` (main.ts): threads run the program that was built for it. A thread that loads the
// sources, and the test runner's additions with them, takes five times as long to start.

import { existsSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import threads, { type WorkerOptions } from 'node:worker_threads'

const program = process.env.SKALD_TEST_PROGRAM
const sources = /\/packages\/[^/]+\/src\/.*\.ts$/

if (program !== undefined) {
  const { Worker } = threads
  class BuiltWorker extends Worker {
    constructor(file: string | URL, options?: WorkerOptions) {
      const built = file instanceof URL ? builtFile(file, program!) : undefined
      if (built) super(built, { execArgv: [], ...options })
      else super(file, options)
    }
  }
  Object.assign(threads, { Worker: BuiltWorker })
  syncBuiltinESMExports()
}

/** Returns the built form of a source file, or undefined if the file is none of the program's threads. */
function builtFile(file: URL, programDir: string): URL | undefined {
  const path = fileURLToPath(file)
  if (!sources.test(path)) return undefined
  const built = join(programDir, 'dist', `${basename(path, '.ts')}.js`)
  if (!existsSync(built)) throw new Error(`${built} is missing: npm test builds it`)
  return pathToFileURL(built)
}
