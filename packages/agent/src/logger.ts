// The agent's own log, on standard error.

import pino, { type DestinationStream, type Logger } from 'pino'
import type { LogLevel } from './config/server.ts'

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
