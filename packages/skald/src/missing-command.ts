// Finds the command for a command line without one, such as `-config.file=/etc/loki/local-config.yaml`.
// Containers that ran grafana/loki or grafana/promtail have such a line. The file shows which of the two it was.

import { kindOfConfig, logFormatIn } from '@skald/config-reading'
import type { LogFormat } from '@skald/wire'
import { readConfigText } from './config-file.ts'

/** The command that the arguments mean, and why. */
export interface MeantCommand {
  readonly command: 'agent' | 'store'
  readonly reason: string
  /** Log format, from the flag or the file. */
  readonly logFormat: LogFormat
}

/**
 * Returns the command that is meant, or undefined if the arguments name no configuration.
 *
 * @throws UsageError if the configuration cannot be read.
 */
export function findMeantCommand(argv: readonly string[]): MeantCommand | undefined {
  const paths = lastValue(argv, 'config.file')
  if (paths === undefined) return undefined
  const { path, text } = readConfigText(paths)
  const isAgent = kindOfConfig(text) === 'agent'
  return {
    command: isAgent ? 'agent' : 'store',
    reason: `${path} is ${isAgent ? "an agent's (Promtail's)" : "a store's (Loki's)"} configuration by its keys`,
    logFormat: (lastValue(argv, 'log.format') || logFormatIn(text)) === 'json' ? 'json' : 'logfmt',
  }
}

/** Returns the value of the last flag with a name, like Go's flag package. */
function lastValue(argv: readonly string[], name: string): string | undefined {
  let found: string | undefined
  for (const [index, argument] of argv.entries()) {
    const [, flag, value] = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(argument) ?? []
    if (flag === name) found = value ?? argv[index + 1]
  }
  return found
}
