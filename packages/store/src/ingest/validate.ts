// Checks the entries of a push against the tenant's limits. What is wrong is left out and told; what
// is right beside it is stored, as Loki does it.

import { formatRfc3339, nsPerMs, nsPerSecond } from '@skald/go-dialect'
import {
  compareLabelNames,
  type Label,
  type LabelSet,
  normaliseLabelName,
  type PushStream,
} from '@skald/wire'
import { nsPerDay } from '../day.ts'
import type { TenantLimits } from '../limits.ts'
import type { AcceptedStream } from './accepted-stream.ts'
import { detectedLevelLabel } from './detected-level.ts'
import type { StreamLabels } from './stream-labels.ts'

/** Last second whose nanoseconds fit 64 bits with sign: 2262-04-11. */
const lastSecond = 9_223_372_035

/** Entries of a push that were refused for one reason. */
export interface Discarded {
  entries: number
  /** Of lines. */
  bytes: number
  /** Labels of the first stream that had one, and what its client is told. */
  readonly labelsText: string
  readonly message: string
}

/** An entry that is refused. */
export interface RefusedEntry {
  /** Loki's name for it. */
  readonly reason: string
  readonly message: string
  readonly labelsText: string
  readonly bytes: number
}

/** Counts refused entries by Loki's reason and gathers what to tell the client. */
export class Refusals {
  readonly #messages = new Map<string, number>()
  readonly discarded = new Map<string, Discarded>()
  /** Reason → entries that were changed to be stored, and how many bytes they lost. */
  readonly mutated = new Map<string, { entries: number; bytes: number }>()

  add({ reason, message, labelsText, bytes }: RefusedEntry): void {
    this.#messages.set(message, (this.#messages.get(message) ?? 0) + 1)
    const count = this.discarded.get(reason) ?? { entries: 0, bytes: 0, labelsText, message }
    count.entries++
    count.bytes += bytes
    this.discarded.set(reason, count)
  }

  /** Adds all entries of a stream, of which the client is told once. */
  addStream(refused: RefusedEntry & { readonly entries: number }): void {
    const { entries, bytes, ...entry } = refused
    this.add({ ...entry, bytes })
    this.discarded.get(entry.reason)!.entries += entries - 1
  }

  addMutated(reason: string, bytes: number): void {
    const count = this.mutated.get(reason) ?? { entries: 0, bytes: 0 }
    count.entries++
    count.bytes += bytes
    this.mutated.set(reason, count)
  }

  get isEmpty(): boolean {
    return this.#messages.size === 0
  }

  /** The client's text: a single error as it is, else each different one with its count. */
  format(): string {
    const entries = [...this.#messages]
    if (entries.length === 1 && entries[0]![1] === 1) return entries[0]![0]
    return entries.map(([message, count]) => `${count} errors like: ${message}`).join('; ')
  }
}

/** What the entries of one push are checked against. */
export interface ValidationContext {
  readonly limits: TenantLimits
  readonly times: AcceptedTimes
  readonly refusals: Refusals
}

/** Earliest and latest time that is accepted, also in whole seconds: most entries are told by these. */
export interface AcceptedTimes {
  readonly nowNs: bigint
  readonly oldestNs: bigint
  readonly newestNs: bigint
  readonly oldestSecond: number
  readonly newestSecond: number
}

/**
 * The times a tenant's limits accept now. Time 0 is what a client sends that has none, and a segment
 * has no days before it.
 */
export function acceptedTimes(limits: TenantLimits, nowNs: bigint): AcceptedTimes {
  const agedNs = nowNs - (limits.rejectOlderThanNs ?? nowNs)
  const oldestNs = agedNs > 0n ? agedNs : 1n
  const newestNs = nowNs + limits.creationGraceNs
  return {
    nowNs,
    oldestNs,
    newestNs,
    oldestSecond: Number(oldestNs / nsPerSecond),
    newestSecond: Math.min(Number(newestNs / nsPerSecond), lastSecond),
  }
}

/** Validates one stream; `undefined` when none of its entries may be stored. */
export function validateStream(
  source: PushStream,
  stream: Exclude<StreamLabels, { kind: 'malformed' }>,
  context: ValidationContext,
): AcceptedStream | undefined {
  const { refusals, limits } = context
  if (stream.kind === 'refused') {
    for (let row = 0; row < source.entryCount; row++) {
      const { reason, message, labelsText } = stream
      refusals.add({ reason, message, labelsText, bytes: source.lineLengths[row]! })
    }
    return undefined
  }
  const { labels, labelsText } = stream
  const check = createEntryCheck(source, labelsText, context)
  let lengths = source.lineLengths
  let rows: Uint32Array | undefined
  let rowCount = 0
  for (let row = 0; row < source.entryCount; row++) {
    const refusal = check(row)
    if (refusal) {
      refusals.add({ ...refusal, labelsText, bytes: source.lineLengths[row]! })
      rows ??= firstRows(row, source.entryCount)
      continue
    }
    if (source.lineLengths[row]! > limits.maxLineBytes && limits.maxLineBytes > 0) {
      if (lengths === source.lineLengths) lengths = lengths.slice()
      lengths[row] = cutLength(source, row, limits.maxLineBytes)
      refusals.addMutated('line_too_long', source.lineLengths[row]! - lengths[row]!)
    }
    if (rows) rows[rowCount] = row
    rowCount++
  }
  if (rowCount === 0) return undefined
  return {
    labels,
    labelsText,
    source,
    rows: rows?.subarray(0, rowCount),
    lengths,
    metadata: source.metadata?.map(pairs => pairs && normaliseMetadata(pairs)),
    wantsLevels: limits.discoverLogLevels && limits.allowStructuredMetadata,
  }
}

/** Bytes of a line that are kept where `most` are allowed: no character is cut in two. */
function cutLength({ bytes, lineOffsets }: PushStream, row: number, most: number): number {
  const start = lineOffsets[row]!
  let length = most
  // At most three bytes follow the first one of a character.
  while (length > most - 3 && length > 0 && (bytes[start + length]! & 0xc0) === 0x80) length--
  return (bytes[start + length]! & 0xc0) === 0x80 ? most : length
}

/** Rows 0 up to `count` as accepted so far, with room for all. */
function firstRows(count: number, room: number): Uint32Array {
  const rows = new Uint32Array(room)
  for (let i = 0; i < count; i++) rows[i] = i
  return rows
}

/** A time that was meant in microseconds is before this second of 1970. */
const wrongUnitSecondMax = 4_000_000
const wrongUnits = [
  { unit: 'seconds', ns: nsPerSecond },
  { unit: 'milliseconds', ns: nsPerMs },
  { unit: 'microseconds', ns: 1_000n },
] as const
/** How far back such a time is looked for; entries of 1970 itself are taken. */
const wrongUnitPastNs = 10n * 365n * nsPerDay
const wrongUnitFutureNs = nsPerDay

/** The unit in which a time of the beginning of 1970 is one of the last years; no query would find it. */
function wrongUnitOf(timeNs: bigint, nowNs: bigint): string | undefined {
  if (nowNs < wrongUnitPastNs) return undefined
  return wrongUnits.find(({ ns }) => {
    const meantNs = timeNs * ns
    return meantNs > nowNs - wrongUnitPastNs && meantNs < nowNs + wrongUnitFutureNs
  })?.unit
}

interface Refusal {
  readonly reason: string
  readonly message: string
}

function createEntryCheck(
  source: PushStream,
  labelsText: string,
  { limits, times }: ValidationContext,
): (row: number) => Refusal | undefined {
  const { nowNs, oldestNs, newestNs, oldestSecond, newestSecond } = times
  const timeOf = (row: number) =>
    BigInt(source.seconds[row]!) * nsPerSecond + BigInt(source.nanos[row]!)
  return row => {
    const second = source.seconds[row]!
    const unit = second < wrongUnitSecondMax ? wrongUnitOf(timeOf(row), nowNs) : undefined
    if (unit || (second <= oldestSecond && (second < oldestSecond || timeOf(row) < oldestNs))) {
      const time = formatRfc3339(timeOf(row))
      const why = unit
        ? ` (${timeOf(row)} is a time in ${unit}, not in nanoseconds)`
        : `, oldest acceptable timestamp is: ${formatRfc3339(oldestNs)}`
      return {
        reason: 'greater_than_max_sample_age',
        message: `entry for stream '${labelsText}' has timestamp too old: ${time}${why}`,
      }
    }
    if (second >= newestSecond && (second > newestSecond || timeOf(row) > newestNs)) {
      const time = second > lastSecond ? `second ${second}` : formatRfc3339(timeOf(row))
      return {
        reason: 'too_far_in_future',
        message: `entry for stream '${labelsText}' has timestamp too new: ${time}`,
      }
    }
    const length = source.lineLengths[row]!
    if (length > limits.maxLineBytes && limits.maxLineBytes > 0 && !limits.truncateLongLines) {
      return {
        reason: 'line_too_long',
        message: `Max entry size '${limits.maxLineBytes}' bytes exceeded for stream '${labelsText}' while adding an entry with length '${length}' bytes`,
      }
    }
    const metadata = source.metadata?.[row]
    return metadata && checkMetadata(metadata, labelsText, limits)
  }
}

function checkMetadata(
  metadata: readonly Label[],
  labelsText: string,
  limits: TenantLimits,
): Refusal | undefined {
  const advice = (key: string) =>
    `Please see \`limits_config.${key}\` or contact your Loki administrator to`
  if (!limits.allowStructuredMetadata) {
    return {
      reason: 'disallowed_structured_metadata',
      message: `stream '${labelsText}' includes structured metadata, but this feature is disallowed. ${advice('allow_structured_metadata')} enable it.`,
    }
  }
  let bytes = 0
  for (const { name, value } of metadata) {
    if (name === detectedLevelLabel) continue
    bytes += Buffer.byteLength(name, 'utf8') + Buffer.byteLength(value, 'utf8')
  }
  if (bytes > limits.maxStructuredMetadataBytes) {
    return {
      reason: 'structured_metadata_too_large',
      message: `stream '${labelsText}' has structured metadata too large: '${bytes}' bytes, limit: '${limits.maxStructuredMetadataBytes}' bytes. ${advice('max_structured_metadata_size')} increase it.`,
    }
  }
  if (metadata.length > limits.maxStructuredMetadataEntries) {
    return {
      reason: 'structured_metadata_too_many',
      message: `stream '${labelsText}' has too many structured metadata labels: '${metadata.length}', limit: '${limits.maxStructuredMetadataEntries}'. ${advice('max_structured_metadata_entries_count')} increase it.`,
    }
  }
  return undefined
}

/**
 * Sorts pairs, the last of a name wins, and leaves out those without a name or a value; pairs that are fine
 * as they are stay the same objects.
 */
function normaliseMetadata(pairs: readonly Label[]): LabelSet {
  const sorted = pairs.filter(isPair).map(normalisePair).sort(compareLabelNames)
  let count = 0
  for (const [i, pair] of sorted.entries()) {
    if (sorted[i + 1]?.name !== pair.name) sorted[count++] = pair
  }
  sorted.length = count
  return sorted
}

function isPair({ name, value }: Label): boolean {
  return name !== '' && value !== ''
}

function normalisePair(pair: Label): Label {
  const name = normaliseLabelName(pair.name)
  const { value } = pair
  if (name === pair.name && !value.includes('\ufffd')) return pair
  return { name, value: value.replaceAll('\ufffd', ' ') }
}
