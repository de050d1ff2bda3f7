// What stages get from the agent: counters, clock, logger, a registry for their own metrics.

import type { Logger } from 'pino'
import type { LaneMetrics } from '../metrics/agent-metrics.ts'
import type { StageContext, StageInspection } from './stage.ts'

/** Makes the context of one job's stages. */
export function createStageContext(options: {
  readonly jobName: string
  readonly metrics: LaneMetrics
  readonly logger: Logger
  readonly nowMs: () => number
  readonly inspect?: StageInspection | undefined
}): StageContext {
  const { jobName, metrics, logger, nowMs, inspect } = options
  return {
    jobName,
    inspect,
    nowMs,
    countDropped: reason => metrics.droppedLines.inc({ reason }),
    countDroppedByLabel: (labelName, labelValue) =>
      metrics.droppedLinesByLabel.inc({ label_name: labelName, label_value: labelValue }),
    customMetrics: metrics.customMetrics,
    warn: (fields, message) => logger.warn({ job: jobName, ...fields }, message),
  }
}
