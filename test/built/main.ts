// npm test: builds the program as a release contains it, and runs all tests on it. A process or a thread that loads the
// sources takes two to five times as long to start, and the tests start thousands.

import { globSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildProgram } from '../../release/program.ts'
import { quickTests } from '../quick/choose.ts'
import { runCommand } from '../runner/command.ts'

const root = resolve(import.meta.dirname, '../..')
const program = join(root, '.cache/program')
const patterns = ['packages/*/test/**/*.test.ts', 'e2e/**/*.test.ts', 'test/**/*.test.ts']

await buildProgram(program)
await runCommand(() => globSync(patterns, { cwd: root }).sort(), {
  nodeFlags: [`--import=${join(import.meta.dirname, 'threads.ts')}`],
  env: { ...process.env, SKALD_TEST_PROGRAM: program },
  mayShare: new Set(quickTests()),
})
