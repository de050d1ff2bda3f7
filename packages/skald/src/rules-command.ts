// `skald rules test FILE` and `skald rules eval FILE`: tries rules before they are in a store.

import { UsageError } from './errors.ts'
import { storeOptionsUsage } from './server-address.ts'
import type { Terminal } from './terminal.ts'

export const rulesUsage = `skald rules test FILE...
skald rules eval [options] FILE...

test runs unit tests of rules: lines, and the alerts and samples that rules make of them (docs/rules.md).

eval asks a store for the lines of the past, and prints when each alert of the files would have fired.

  --since DURATION    how far back to look (default 24h)
  --interval DURATION time between evaluations of groups without an interval (default 1m)
${storeOptionsUsage}
`

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid; ConfigError if a file is.
 */
export async function runRulesCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [action, ...rest] = argv
  switch (action) {
    case 'test': {
      if (rest.length === 0)
        throw new UsageError('skald rules test takes one or more files', { usage: rulesUsage })
      const { runRuleTests } = await import('./rules/test-rules.ts')
      return runRuleTests(rest, terminal)
    }
    case 'eval': {
      const { evaluateRules } = await import('./rules/evaluate-rules.ts')
      return evaluateRules(rest, terminal, rulesUsage)
    }
    default:
      throw new UsageError('skald rules takes test or eval', { usage: rulesUsage })
  }
}
