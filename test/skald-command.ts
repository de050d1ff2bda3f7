// Names the command that tests start as a process.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The command of a checkout, which runs the sources. */
export const sourceCommand = fileURLToPath(new URL('../packages/skald/bin/skald', import.meta.url))

const program = process.env.SKALD_TEST_PROGRAM

/**
 * The command as the packages install it. It replaces itself with node, so its process id is the program's.
 * `npm test` builds the program first (built/main.ts), because that starts in half the time.
 */
export const skaldCommand = program ? join(program, 'bin/skald') : sourceCommand

/** Flags of node with which the threads of a script run the program that `npm test` built. */
export const builtThreads = [`--import=${new URL('./built/threads.ts', import.meta.url).href}`]

/**
 * Returns the environment without the test runner's additions, which make node processes report to
 * it.
 */
export function cleanEnv(): Record<string, string | undefined> {
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...env } = process.env
  return env
}
