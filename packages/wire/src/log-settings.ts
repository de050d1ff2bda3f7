// What flags and configuration keys may say of a process's log. Apart from the logger, so that reading a configuration
// does not load one.

/** Levels that a configuration may name, least important first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** Forms of a log line, the default first. */
export const logFormats = ['logfmt', 'json'] as const
export type LogFormat = (typeof logFormats)[number]
