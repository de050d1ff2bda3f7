// Entries as the protocols bring them, in any order, and as the streams of a push.

import { nsPerSecond } from '@skald/go-dialect'
import {
  formatLabelSet,
  type Label,
  type LabelSet,
  type PushStream,
  PushStreamBuilder,
} from '@skald/wire'
import { receivedEntryBytes } from '../limits.ts'

/** A line with its labels. */
export interface ReceivedEntry {
  readonly labels: LabelSet
  readonly timestampNs: bigint
  readonly line: string | Buffer
  readonly metadata: readonly Label[]
}

/** The entries of one request, or of a piece of it. */
export class EntryBatch {
  /** Label set as text → its entries, and the number that each was added with. */
  readonly #streams = new Map<string, { entries: ReceivedEntry[]; numbers: number[] }>()
  readonly #numbersOf = new Map<PushStream, readonly number[]>()
  readonly #builder = new PushStreamBuilder()
  #entryCount = 0
  #bytes = 0

  get entryCount(): number {
    return this.#entryCount
  }

  /** Memory that the entries take, roughly. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * @param number What `numberOf` returns for the entry.
   * @throws PushBodyError PUSH_BODY_TOO_LARGE with too many pairs of structured metadata.
   */
  add(entry: ReceivedEntry, number: number): void {
    this.#builder.countPairs(entry.metadata.length)
    const labelsText = formatLabelSet(entry.labels)
    let stream = this.#streams.get(labelsText)
    if (!stream) {
      stream = { entries: [], numbers: [] }
      this.#streams.set(labelsText, stream)
      this.#bytes += labelsText.length
    }
    stream.entries.push(entry)
    stream.numbers.push(number)
    this.#entryCount++
    this.#bytes += entry.line.length + receivedEntryBytes
    for (const { name, value } of entry.metadata) this.#bytes += name.length + value.length
  }

  /** Returns the streams of a push. Do not add entries afterwards. */
  build(): PushStream[] {
    const builder = this.#builder
    for (const [labelsText, { entries }] of this.#streams) addStream(builder, labelsText, entries)
    const streams = builder.build()
    const numbers = [...this.#streams.values()].map(stream => stream.numbers)
    for (const [i, stream] of streams.entries()) this.#numbersOf.set(stream, numbers[i]!)
    this.#streams.clear()
    return streams
  }

  /** Returns the number that a row of a built stream was added with. */
  numberOf(stream: PushStream, row: number): number {
    return this.#numbersOf.get(stream)![row]!
  }
}

function addStream(
  builder: PushStreamBuilder,
  labelsText: string,
  entries: readonly ReceivedEntry[],
): void {
  const lengths = entries.map(({ line }) =>
    typeof line === 'string' ? Buffer.byteLength(line, 'utf8') : line.length,
  )
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, 0))
  let offset = 0
  for (const [i, { timestampNs, line, metadata }] of entries.entries()) {
    const nanos = ((timestampNs % nsPerSecond) + nsPerSecond) % nsPerSecond
    const seconds = Number((timestampNs - nanos) / nsPerSecond)
    builder.add(seconds, Number(nanos), offset, lengths[i]!)
    if (metadata.length > 0) builder.setMetadata(metadata)
    if (typeof line === 'string') bytes.write(line, offset, 'utf8')
    else line.copy(bytes, offset)
    offset += lengths[i]!
  }
  builder.endStream(labelsText, bytes)
}
