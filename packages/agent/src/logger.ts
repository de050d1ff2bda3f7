// The agent's own log, on standard error.

import pino, { type DestinationStream, type Logger } from 'pino'

/** Log levels, the least important first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** Makes a logger that writes JSON lines with level names and ISO times. */
export function createAgentLogger(level: LogLevel, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: {},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    destination,
  )
}
