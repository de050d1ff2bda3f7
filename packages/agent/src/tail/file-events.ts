// What a file reports while it is read: counted, logged, and noted as a gap if something is missing.

import type { Logger } from 'pino'
import type { LineOrigin } from '../line/line-origin.ts'
import type { FileMetrics } from '../metrics/agent-metrics.ts'
import type { Loss } from './generations.ts'
import type { TailedFile, TailedFileEvents } from './tailed-file.ts'

/** Where the reports of a file go. */
export interface FileReports {
  readonly logger: Logger
  readonly metrics: FileMetrics
  /** Counts a line too long to read. */
  readonly countSkippedLine: () => void
  /** Counts the bytes of that line, once its end was found. */
  readonly countSkipped: (bytes: number, origin: LineOrigin) => void
  readonly countLost: (loss: Loss) => void
}

/** Makes the receiver of a file's reports. `file` returns the file once there is one. */
export function fileEvents(
  context: FileReports,
  path: string,
  file: () => TailedFile,
): TailedFileEvents {
  const { logger, metrics, countSkippedLine, countSkipped, countLost } = context
  return {
    onLines: metrics.countLines,
    onSkippedLine: (offset, bytesMax) => {
      countSkippedLine()
      logger.warn({ path, offset, bytesMax }, 'Line is longer than any may be: it is skipped')
    },
    onSkipped: (offset, end) => {
      countSkipped(end - offset, file().origin)
      logger.warn({ path, offset, bytes: end - offset }, 'Line was skipped')
    },
    onDamage: error => {
      const { record, origin } = file()
      const fields = { path, foundAt: record.foundAt, error }
      logger.warn(fields, 'Compressed file is damaged: the rest is not read')
      if (record.isDamaged) return
      record.isDamaged = true
      countLost({ kind: 'damaged', bytes: 0, origin })
    },
  }
}
