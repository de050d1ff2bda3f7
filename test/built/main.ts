// npm test: builds the program as a release contains it, and runs all tests on it. A process or a thread that loads the
// sources takes two to five times as long to start, and the tests start thousands. Arguments go to tap.

import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { buildProgram } from '../../release/program.ts'

const root = resolve(import.meta.dirname, '../..')
const program = join(root, '.cache/program')
await buildProgram(program)
const args = [`--node-arg=--import=${join(import.meta.dirname, 'threads.ts')}`]
const { status } = spawnSync('tap', [...args, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    SKALD_TEST_PROGRAM: program,
    // Compiled code is kept between files and processes.
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/tests'),
  },
})
process.exitCode = status ?? 1
