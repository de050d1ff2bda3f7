// Runs the query of a rule at one time.

import { defaultQueryLimits, type LogSource, type QueryLimits, runQuery } from '@skald/query'
import type { TemplateSample } from './rule-template.ts'

/** A query of a rule. */
export interface RuleQuery {
  readonly logql: string
  readonly timeNs: bigint
  readonly source: LogSource
  readonly signal: AbortSignal
  /** Those of a store without configuration if absent. */
  readonly limits?: QueryLimits
}

/** Returns the samples; a single number is a sample without labels. @throws the query's errors; TypeError for lines. */
export async function runRuleQuery(query: RuleQuery): Promise<readonly TemplateSample[]> {
  const { logql, timeNs, source, signal, limits = defaultQueryLimits } = query
  const times = { startNs: timeNs, endNs: timeNs, stepNs: 0n, intervalNs: 0n }
  const result = await runQuery(
    { logql, ...times, limit: 0, direction: 'forward', isInstant: true, limits },
    source,
    signal,
  )
  switch (result.kind) {
    case 'vector':
      return result.samples
    case 'scalar':
      return [{ labels: [], value: result.value }]
    default:
      throw new TypeError('rule result is not a vector or scalar')
  }
}
