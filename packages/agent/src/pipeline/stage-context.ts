// What stages get from the agent: counters, clock, logger, a registry for their own metrics.

import type { Logger } from 'pino'
import type { Clocks } from '../clocks.ts'
import type { LaneMetrics } from '../metrics/agent-metrics.ts'
import type { StageContext, StageInspection } from './stage.ts'

interface ContextOptions extends Clocks {
  readonly jobName: string
  readonly metrics: LaneMetrics
  readonly logger: Logger
  readonly inspect?: StageInspection | undefined
}

/** Makes the context of one job's stages. */
export function createStageContext(options: ContextOptions): StageContext {
  const { jobName, metrics, logger, nowMs, wallMs, inspect } = options
  return {
    jobName,
    inspect,
    nowMs,
    wallMs,
    countDropped: reason => metrics.droppedLines.inc({ reason }),
    countDroppedByLabel: (labelName, labelValue) =>
      metrics.droppedLinesByLabel.inc({ label_name: labelName, label_value: labelValue }),
    customMetrics: metrics.customMetrics,
    warn: (fields, message) => logger.warn({ job: jobName, ...fields }, message),
  }
}
