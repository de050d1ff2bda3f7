// Runs a test of the repository for longer than `npm test` does.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const root = join(import.meta.dirname, '..')

export interface TestRun {
  /** Lines that it printed. */
  readonly lines: readonly string[]
  /** What failed, or an empty text. */
  readonly failed: string
}

/** Runs the test in `file`, with these variables. It ends when this process does, with all that it has started. */
export async function runTest(
  file: string,
  variables: Readonly<Record<string, string>>,
): Promise<TestRun> {
  const child = spawn(process.execPath, [file], {
    ...{ cwd: root, env: { ...process.env, ...variables }, stdio: ['ignore', 'pipe', 'inherit'] },
    // A group of its own.
    detached: true,
  })
  const end = () => process.kill(-child.pid!)
  process.once('exit', end)
  const closed = once(child, 'close') as Promise<[number | null]>
  const lines = (await text(child.stdout!)).split('\n')
  const [status] = await closed
  process.off('exit', end)
  const failed = lines.filter(line => /^\s*not ok/.test(line)).slice(0, 5)
  return {
    lines,
    failed: status === 0 ? '' : `${file} ended with ${status}: ${failed.join('; ')}`,
  }
}
