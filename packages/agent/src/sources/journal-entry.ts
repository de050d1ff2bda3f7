// One entry of the journal as `journalctl --output=json` prints it.

/** An entry: its place, its time and its fields as text. */
export interface JournalEntry {
  readonly cursor: string
  readonly timestampNs: bigint
  /** Field → value; of several values of one field the last. */
  readonly fields: ReadonlyMap<string, string>
  /** The message; its bytes where it is no UTF-8. */
  readonly message: string | Buffer | undefined
}

/**
 * Reads an entry.
 *
 * @throws Error when the line is none.
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

/** A value is a text, bytes as numbers, several of either, or `null` where it was too large to print. */
function lastValue(value: unknown): string | Buffer | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  if (value.every(item => Number.isInteger(item))) return Buffer.from(value as number[])
  return lastValue(value.at(-1))
}

/** Time that a cursor carries; `undefined` where it has none. */
export function cursorTimeMs(cursor: string): number | undefined {
  const hex = /(?:^|;)t=([0-9a-f]+)/.exec(cursor)?.[1]
  return hex === undefined ? undefined : Number(BigInt(`0x${hex}`) / 1_000n)
}
