// Writes fields as one logfmt line, with the quoting of Go programs.

/** Fields of a log line, as parsed from JSON. */
export type LogFields = Readonly<Record<string, unknown>>

/**
 * Writes fields in order, such as `level=info msg="Agent started" files=3`. For an error, writes its
 * message, code and stack.
 */
export function formatLogfmt(fields: LogFields): string {
  return Object.entries(fields)
    .flatMap(([key, value]) => pairsOf(key, value))
    .map(([key, value]) => `${formatKey(key)}=${formatValue(value)}`)
    .join(' ')
}

/** Returns the pairs to write for a field: one, or several for a serialized error. */
function pairsOf(key: string, value: unknown): (readonly [string, unknown])[] {
  if (!isPlainError(value)) return [[key, value]]
  return [
    [key, value.message],
    ...(typeof value.code === 'string' ? [['code', value.code] as const] : []),
    ['stack', value.stack],
  ]
}

function isPlainError(
  value: unknown,
): value is { readonly message: string; readonly stack: string; readonly code?: unknown } {
  const { message, stack } = (value ?? {}) as { message?: unknown; stack?: unknown }
  return typeof message === 'string' && typeof stack === 'string'
}

function formatKey(key: string): string {
  return key.replaceAll(/[\p{Cc} ="\ufffd]+/gu, '_')
}

function formatValue(value: unknown): string {
  if (value === null) return 'null'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text === 'null' || /[\p{Cc} ="\ufffd]/u.test(text) ? JSON.stringify(text) : text
}
