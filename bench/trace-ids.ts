// Structured metadata for the entries of a traced load: a trace id and a span id each, as
// OpenTelemetry's collectors send them. Encoded as protobuf for the push request.
//
//   EntryAdapter   3 structuredMetadata*     LabelPair   1 name, 2 value

import { ByteWriter } from './byte-writer.ts'
import { Random } from './random.ts'

const tagMetadata = 0x1a
const tagName = 0x0a
const tagValue = 0x12

/** Draws ids from a sequence that does not affect the lines. */
export class TraceIds {
  readonly #random: Random
  /** Fields of the current entry's structured metadata. */
  readonly fields = new ByteWriter(256)
  /** Trace id of the current entry: 32 hexadecimal digits. */
  traceId = ''

  constructor(seed: number) {
    this.#random = new Random(seed + 0x7ace)
  }

  /** Draws the ids of the next entry. */
  next(): void {
    this.fields.clear()
    this.traceId = this.#hex(4)
    this.#add('trace_id', this.traceId)
    this.#add('span_id', this.#hex(2))
  }

  #hex(words: number): string {
    let text = ''
    for (let i = 0; i < words; i++) text += this.#random.uint32().toString(16).padStart(8, '0')
    return text
  }

  /** Adds a pair. Name and value are ASCII and shorter than 64 bytes, so each length is one byte. */
  #add(name: string, value: string): void {
    this.fields.byte(tagMetadata).byte(4 + name.length + value.length)
    this.fields.byte(tagName).byte(name.length).ascii(name)
    this.fields.byte(tagValue).byte(value.length).ascii(value)
  }
}
