// npm run test:quick: runs the tests that need no process, no thread, no server and no browser. Arguments go to tap.

import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { quickTests } from './choose.ts'

const guard = resolve(import.meta.dirname, 'refuse-starts.ts')
const args = ['--disable-coverage', '--jobs=2', `--node-arg=--import=${guard}`, '-R', 'terse']
const tests = quickTests()
console.log(`${tests.length} files`)
const { status } = spawnSync('tap', [...args, ...process.argv.slice(2), ...tests], {
  cwd: resolve(import.meta.dirname, '../..'),
  stdio: 'inherit',
})
process.exitCode = status ?? 1
