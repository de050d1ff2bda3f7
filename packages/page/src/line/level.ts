// Levels of lines, from the store's `detected_level`.

/** From the most to the least severe. */
export const levels = ['critical', 'error', 'warn', 'info', 'debug', 'trace', 'unknown'] as const
export type Level = (typeof levels)[number]

const names: Readonly<Record<string, Level>> = {
  critical: 'critical',
  fatal: 'critical',
  emerg: 'critical',
  alert: 'critical',
  panic: 'critical',
  error: 'error',
  err: 'error',
  warn: 'warn',
  warning: 'warn',
  info: 'info',
  information: 'info',
  notice: 'info',
  debug: 'debug',
  trace: 'trace',
}

/** Returns the level of a text in any case. */
export function levelOf(text: string | undefined): Level {
  return names[text?.toLowerCase() ?? ''] ?? 'unknown'
}
