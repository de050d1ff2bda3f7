// Reads the command lines of verify, inspect, backup, restore and move: switches, values, and a fixed number of paths.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { UsageError } from './errors.ts'

/** What a command takes. */
export interface UpkeepCommandLine {
  readonly usage: string
  /** Names of the switches, without `--`. */
  readonly switches: readonly string[]
  /** Names of the options with a value, without `--`. */
  readonly values?: readonly string[]
  /** Names of the paths in order, for the error. */
  readonly paths: readonly string[]
}

/** Arguments of a command. */
export interface UpkeepArguments {
  readonly isSet: (name: string) => boolean
  /** Returns the value of an option; `undefined` if it is not given. */
  readonly optionOf: (name: string) => string | undefined
  readonly paths: readonly string[]
}

/** @throws UsageError when the arguments do not fit. */
export function readUpkeepArguments(
  argv: readonly string[],
  { usage, switches, values: valued = [], paths }: UpkeepCommandLine,
): UpkeepArguments {
  const options: ParseArgsOptionsConfig = Object.fromEntries([
    ...switches.map(name => [name, { type: 'boolean' }] as const),
    ...valued.map(name => [name, { type: 'string' }] as const),
  ])
  // The flags of a store have one dash in Loki's papers.
  const args = argv.map(argument =>
    valued.some(name => argument.startsWith(`-${name}`)) ? `-${argument}` : argument,
  )
  let parsed: { values: Record<string, unknown>; positionals: string[] }
  try {
    parsed = parseArgs({ args, allowPositionals: true, options })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { usage, cause })
  }
  const { values, positionals } = parsed
  if (positionals.length !== paths.length || positionals.includes('')) {
    throw new UsageError(`This command takes ${paths.join(' and ')}, and nothing else`, { usage })
  }
  return {
    isSet: name => values[name] === true,
    optionOf: name => values[name] as string | undefined,
    paths: positionals,
  }
}
