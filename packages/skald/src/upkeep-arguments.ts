// Reads the command lines of verify, inspect, backup and restore: switches, and a fixed number of paths.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { UsageError } from './errors.ts'

/** What a command takes. */
export interface UpkeepCommandLine {
  readonly usage: string
  /** Names of the switches, without `--`. */
  readonly switches: readonly string[]
  /** Names of the paths in order, for the error. */
  readonly paths: readonly string[]
}

/** Arguments of a command. */
export interface UpkeepArguments {
  readonly isSet: (name: string) => boolean
  readonly paths: readonly string[]
}

/** @throws UsageError when the arguments do not fit. */
export function readUpkeepArguments(
  argv: readonly string[],
  { usage, switches, paths }: UpkeepCommandLine,
): UpkeepArguments {
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    switches.map(name => [name, { type: 'boolean' } as const]),
  )
  let parsed: { values: Record<string, unknown>; positionals: string[] }
  try {
    parsed = parseArgs({ args: [...argv], allowPositionals: true, options })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { usage, cause })
  }
  const { values, positionals } = parsed
  if (positionals.length !== paths.length || positionals.includes('')) {
    throw new UsageError(`This command takes ${paths.join(' and ')}, and nothing else`, { usage })
  }
  return { isSet: name => values[name] === true, paths: positionals }
}
