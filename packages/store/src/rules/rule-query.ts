// Runs the query of a rule at one time.

import {
  defaultQueryLimits,
  LogqlKindError,
  type LogSource,
  type QueryLimits,
  type QueryResult,
  runQuery,
} from '@skald/query'
import { RuleResultError } from '../errors.ts'
import type { TemplateSample } from './rule-template.ts'

/** Loki's words. */
const noSamples = 'rule result is not a vector or scalar'

/** A query of a rule. */
export interface RuleQuery {
  readonly logql: string
  readonly timeNs: bigint
  readonly source: LogSource
  readonly signal: AbortSignal
  /** Those of a store without configuration if absent. */
  readonly limits?: QueryLimits
}

/**
 * Returns the samples; a single number is a sample without labels.
 * @throws the query's errors; RuleResultError if it gives lines.
 */
export async function runRuleQuery(query: RuleQuery): Promise<readonly TemplateSample[]> {
  const { logql, timeNs, source, signal, limits = defaultQueryLimits } = query
  const times = { startNs: timeNs, endNs: timeNs, stepNs: 0n, intervalNs: 0n }
  const isInstant = true
  const request = { logql, ...times, limit: 0, direction: 'forward', isInstant, limits } as const
  let result: QueryResult
  try {
    result = await runQuery(request, source, signal)
  } catch (error) {
    if (error instanceof LogqlKindError) throw new RuleResultError(noSamples, { cause: error })
    throw error
  }
  switch (result.kind) {
    case 'vector':
      return result.samples
    case 'scalar':
      return [{ labels: [], value: result.value }]
    default:
      throw new RuleResultError(noSamples)
  }
}
