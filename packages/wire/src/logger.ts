// The one logger of every process: logfmt or JSON, with Loki's and Promtail's level words and an ISO time. It owns
// the form of a line and writes to the given stream. Commands choose level, format and stream.

import { type Logger, pino } from 'pino'
import type { LogFormat, LogLevel } from './log-settings.ts'
import { formatLogfmt, type LogFields } from './logfmt-line.ts'

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Takes whole lines; a command passes its standard error. */
  readonly destination: { write(text: string): unknown }
}

/** Makes a logger. Its level can be changed while it is in use. */
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

/** Rewrites a line of JSON: level, time and message come first. */
function toLogfmt(line: string): string {
  const { level, ts, msg, ...fields } = JSON.parse(line) as LogFields
  return `${formatLogfmt({ level, ts, ...(msg !== undefined && { msg }), ...fields })}\n`
}
