// A command line without a command, such as `-config.file=/etc/loki/local-config.yaml`: what a container has that
// ran grafana/loki or grafana/promtail before. The file shows which of the two is meant.

import { readConfigText } from './config-file.ts'
import { isAgentConfig } from './config-kind.ts'

/** The command that the arguments mean, and why; undefined where they name no configuration. */
export interface MeantCommand {
  readonly command: 'agent' | 'store'
  readonly reason: string
}

/**
 * Finds out which command is meant.
 *
 * @throws UsageError when the configuration cannot be read.
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

/** The value of the last -config.file, as Go's flag package takes it. */
function configPaths(argv: readonly string[]): string | undefined {
  let found: string | undefined
  for (const [index, argument] of argv.entries()) {
    const match = /^--?config\.file(?:=([\s\S]*))?$/.exec(argument)
    if (match) found = match[1] ?? argv[index + 1]
  }
  return found
}
