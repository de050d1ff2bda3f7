// npm run test:quick: runs the tests that need no process, no thread, no server and no browser.

import { join } from 'node:path'
import { runCommand } from '../runner/command.ts'
import { quickTests } from './choose.ts'

await runCommand(quickTests, {
  nodeFlags: [`--import=${join(import.meta.dirname, 'refuse-starts.ts')}`],
  env: process.env,
  mayShare: new Set(quickTests()),
})
