// Finds the command for a command line without one, such as `-config.file=/etc/loki/local-config.yaml`.
// Containers that ran grafana/loki or grafana/promtail have such a line. The file shows which of the two it was.

import { readConfigText } from './config-file.ts'
import { isAgentConfig } from './config-kind.ts'

/** The command that the arguments mean, and why. */
export interface MeantCommand {
  readonly command: 'agent' | 'store'
  readonly reason: string
}

/**
 * Returns the command that is meant, or undefined if the arguments name no configuration.
 *
 * @throws UsageError if the configuration cannot be read.
 */
export function findMeantCommand(argv: readonly string[]): MeantCommand | undefined {
  const paths = configPaths(argv)
  if (paths === undefined) return undefined
  const { path, text } = readConfigText(paths)
  const isAgent = isAgentConfig(text)
  return {
    command: isAgent ? 'agent' : 'store',
    reason: `${path} is ${isAgent ? "an agent's (Promtail's)" : "a store's (Loki's)"} configuration by its keys`,
  }
}

/** Returns the value of the last -config.file, like Go's flag package. */
function configPaths(argv: readonly string[]): string | undefined {
  let found: string | undefined
  for (const [index, argument] of argv.entries()) {
    const match = /^--?config\.file(?:=([\s\S]*))?$/.exec(argument)
    if (match) found = match[1] ?? argv[index + 1]
  }
  return found
}
