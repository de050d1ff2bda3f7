// The one logger of a process: JSON lines on standard error, so that standard output stays free for
// what a command prints.

import { destination, type Logger, pino } from 'pino'

/** Makes the process's logger. */
export function createLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination(2))
}
