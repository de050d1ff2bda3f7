// The logger of every process. It writes logfmt or JSON, with the level names of Loki and Promtail
// and an ISO time. It owns the format of a line. Commands choose the level, format and stream.

import { type Logger, pino } from 'pino'
import type { LogFormat, LogLevel } from './log-settings.ts'
import { formatLogfmt, type LogFields } from './logfmt-line.ts'

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Receives whole lines. Commands pass their standard error. */
  readonly destination: { write(text: string): unknown }
}

/** Creates a logger. Its level can be changed while it is in use. */
export function createLogger({ level, format, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: word => ({ level: word }) },
    },
    format === 'json' ? destination : { write: line => destination.write(toLogfmt(line)) },
  )
}

/** Converts a JSON line to logfmt. Level, time and message come first. */
function toLogfmt(line: string): string {
  const { level, ts, msg, ...fields } = JSON.parse(line) as LogFields
  return `${formatLogfmt({ level, ts, ...(msg !== undefined && { msg }), ...fields })}\n`
}
