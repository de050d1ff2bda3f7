// An entry of the journal in the format of `journalctl --output=json`.

/** An entry: its cursor, its time and its fields as text. */
export interface JournalEntry {
  readonly cursor: string
  readonly timestampNs: bigint
  /** Field → value. If a field has several values, the last one. */
  readonly fields: ReadonlyMap<string, string>
  /** The message, as bytes if it is not UTF-8. */
  readonly message: string | Buffer | undefined
}

/**
 * Reads an entry.
 *
 * @throws Error if the line is not one.
 */
export function parseJournalEntry(line: Buffer): JournalEntry {
  const raw = JSON.parse(line.toString('utf8')) as Record<string, unknown>
  const { __CURSOR: cursor, __REALTIME_TIMESTAMP: microseconds } = raw
  if (typeof cursor !== 'string' || typeof microseconds !== 'string') {
    throw new Error('the entry has no cursor or no time')
  }
  const fields = new Map<string, string>()
  let message: string | Buffer | undefined
  for (const [name, value] of Object.entries(raw)) {
    if (name.startsWith('__')) continue
    const one = lastValue(value)
    if (one === undefined) continue
    fields.set(name, one.toString())
    if (name === 'MESSAGE') message = one
  }
  return { cursor, timestampNs: BigInt(microseconds) * 1_000n, fields, message }
}

/**
 * Returns a field's last value. A value is a string, bytes as an array of numbers, an array of either, or
 * `null` if it was too large to print.
 */
function lastValue(value: unknown): string | Buffer | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  if (value.every(item => Number.isInteger(item))) return Buffer.from(value as number[])
  return lastValue(value.at(-1))
}

/** Returns the time in a cursor, or `undefined` if it has none. */
export function cursorTimeMs(cursor: string): number | undefined {
  const hex = /(?:^|;)t=([0-9a-f]+)/.exec(cursor)?.[1]
  return hex === undefined ? undefined : Number(BigInt(`0x${hex}`) / 1_000n)
}
