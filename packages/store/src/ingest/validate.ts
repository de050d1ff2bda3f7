// Checks the entries of a push against the tenant's limits. Like Loki, it rejects and reports bad
// entries and stores the good ones of the same push.

import { formatRfc3339, nsPerMs, nsPerSecond } from '@skald/go-dialect'
import {
  compareLabelNames,
  type Label,
  type LabelSet,
  normaliseLabelName,
  type PushStream,
} from '@skald/wire'
import { nsPerDay } from '../day.ts'
import { detectedLevelLabel } from '../levels/detected-level.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import type { AcceptedStream } from './accepted-stream.ts'
import type { DemotedLabels } from './demotion.ts'
import type { StreamLabels } from './stream-labels.ts'

/** Last second whose nanoseconds fit into a signed 64-bit integer: 2262-04-11. */
const lastSecond = 9_223_372_035

/** Entries of a push rejected for one reason. */
export interface Discarded {
  entries: number
  /** Bytes of their lines. */
  bytes: number
  /** Labels of the first affected stream, and the message for the client. */
  readonly labelsText: string
  readonly message: string
}

/** A rejected entry. */
export interface RefusedEntry {
  /** Loki's name for the reason. */
  readonly reason: string
  readonly message: string
  readonly labelsText: string
  readonly bytes: number
}

/** Counts rejected entries by Loki's reasons, and collects the messages for the client. */
export class Refusals {
  readonly #messages = new Map<string, number>()
  readonly discarded = new Map<string, Discarded>()
  /** Reason → entries that were changed to be stored, and the bytes they lost. */
  readonly mutated = new Map<string, { entries: number; bytes: number }>()

  add({ reason, message, labelsText, bytes }: RefusedEntry): void {
    this.#messages.set(message, (this.#messages.get(message) ?? 0) + 1)
    const count = this.discarded.get(reason) ?? { entries: 0, bytes: 0, labelsText, message }
    count.entries++
    count.bytes += bytes
    this.discarded.set(reason, count)
  }

  /** Adds all entries of a stream with one message for the client. */
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

  /**
   * Formats the client's message: a single error unchanged, otherwise each distinct one with its
   * count.
   */
  format(): string {
    const entries = [...this.#messages]
    if (entries.length === 1 && entries[0]![1] === 1) return entries[0]![0]
    return entries.map(([message, count]) => `${count} errors like: ${message}`).join('; ')
  }
}

/** Entries of a push that are not stored. */
export interface RefusedRows {
  readonly source: PushStream
  /** Rows of `source`. */
  readonly rows: readonly number[]
  /** Whether a limit of the tenant was reached, so that they may be sent again later. */
  readonly isLimited: boolean
  readonly message: string
}

/** Everything that the entries of one push are checked against. */
export interface ValidationContext {
  /** Told of each refused entry, for protocols that answer for each of them. */
  readonly onRefused?: ((refused: RefusedRows) => void) | undefined
  readonly limits: TenantLimits
  readonly times: AcceptedTimes
  readonly refusals: Refusals
}

/** The earliest and latest accepted time. The whole seconds decide most entries without bigints. */
export interface AcceptedTimes {
  readonly nowNs: bigint
  readonly oldestNs: bigint
  readonly newestNs: bigint
  readonly oldestSecond: number
  readonly newestSecond: number
}

/**
 * Returns the times that a tenant's limits accept now. Time 0 is never accepted: clients send it
 * when they have no time, and a segment cannot hold days before it.
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

/** Validates one stream. Returns `undefined` if none of its entries may be stored. */
export function validateStream(
  source: PushStream,
  stream: Exclude<StreamLabels, { kind: 'malformed' }> | DemotedLabels,
  context: ValidationContext,
): AcceptedStream | undefined {
  const { refusals, limits, onRefused } = context
  if (stream.kind === 'refused') {
    const rows = Array.from({ length: source.entryCount }, (_, row) => row)
    onRefused?.({ source, rows, isLimited: false, message: stream.message })
    for (let row = 0; row < source.entryCount; row++) {
      const { reason, message, labelsText } = stream
      refusals.add({ reason, message, labelsText, bytes: source.lineLengths[row]! })
    }
    return undefined
  }
  const { labelsText } = stream
  const check = createEntryCheck(source, labelsText, context)
  let lengths = source.lineLengths
  let rows: Uint32Array | undefined
  let rowCount = 0
  for (let row = 0; row < source.entryCount; row++) {
    const refusal = check(row)
    if (refusal) {
      refusals.add({ ...refusal, labelsText, bytes: source.lineLengths[row]! })
      onRefused?.({ source, rows: [row], isLimited: false, message: refusal.message })
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
    // Mostly nobody asks for them.
    get labels() {
      return stream.labels
    },
    labelsText,
    source,
    rows: rows?.subarray(0, rowCount),
    lengths,
    metadata: 'demoted' in stream ? withDemoted(source, stream.demoted) : metadataOf(source),
    wantsLevels: limits.discoverLogLevels && limits.allowStructuredMetadata,
  }
}

function metadataOf({ metadata }: PushStream): AcceptedStream['metadata'] {
  return metadata?.map(pairs => pairs && normaliseMetadata(pairs))
}

/** Adds the labels of a stream that are kept as metadata. They win over pairs of the same name. */
function withDemoted(
  { metadata, entryCount }: PushStream,
  demoted: LabelSet,
): AcceptedStream['metadata'] {
  const alone = normaliseMetadata(demoted)
  return Array.from({ length: entryCount }, (_, row) => {
    const pairs = metadata?.[row]
    return pairs ? normaliseMetadata([...pairs, ...demoted]) : alone
  })
}

/** Returns how many bytes of a line to keep, at most `most`, without cutting a character in two. */
function cutLength({ bytes, lineOffsets }: PushStream, row: number, most: number): number {
  const start = lineOffsets[row]!
  let length = most
  // At most three bytes follow the first byte of a character.
  while (length > most - 3 && length > 0 && (bytes[start + length]! & 0xc0) === 0x80) length--
  return (bytes[start + length]! & 0xc0) === 0x80 ? most : length
}

/** Returns rows 0 to `count` - 1, in an array with room for all rows. */
function firstRows(count: number, room: number): Uint32Array {
  const rows = new Uint32Array(room)
  for (let i = 0; i < count; i++) rows[i] = i
  return rows
}

/** A time sent in microseconds by mistake is before this second of 1970. */
const wrongUnitSecondMax = 4_000_000
const wrongUnits = [
  { unit: 'seconds', ns: nsPerSecond },
  { unit: 'milliseconds', ns: nsPerMs },
  { unit: 'microseconds', ns: 1_000n },
] as const
/** How old a corrected time may be. Entries that really are from 1970 are accepted. */
const wrongUnitPastNs = 10n * 365n * nsPerDay
const wrongUnitFutureNs = nsPerDay

/**
 * Returns the unit that turns a time at the start of 1970 into a recent one. Such an entry would be
 * stored where no query finds it.
 */
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
 * Drops pairs without name or value, sorts the rest and keeps the last one of each name. Pairs that
 * need no change stay the same objects.
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
