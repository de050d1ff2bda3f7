// Runs a query over streams in memory, for tests that compare two ways to the same answer.

import {
  defaultQueryLimits,
  formatQueryResult,
  LogqlPipelineError,
  runQuery,
} from '../../src/index.ts'
import { createMemorySource, type TestStream } from '../memory-source.ts'

const second = 1_000_000_000n

/** Returns the result as JSON, or the message of an error of the pipeline. */
export async function jsonAnswer(logql: string, loaded: readonly TestStream[]): Promise<string> {
  const request = {
    logql,
    startNs: 0n,
    endNs: 20n * second,
    stepNs: 3n * second,
    intervalNs: 0n,
    limit: 5,
    direction: 'backward' as const,
    isInstant: false,
    limits: defaultQueryLimits,
  }
  try {
    const source = createMemorySource(loaded, 4)
    const result = await runQuery(request, source, new AbortController().signal)
    return JSON.stringify(
      JSON.parse(formatQueryResult(result, { categorizeLabels: false })).data.result,
    )
  } catch (error) {
    if (!(error instanceof LogqlPipelineError)) throw error
    return error.message
  }
}
