// Owns the log levels and formats that flags and configuration keys accept. Separate from the
// logger, so that reading a configuration does not load it.

/** Levels that a configuration may set, least important first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** Formats of a log line, the default first. */
export const logFormats = ['logfmt', 'json'] as const
export type LogFormat = (typeof logFormats)[number]
