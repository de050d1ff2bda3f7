// One line on its way through the stages: labels, extracted values, time, text. The line stays bytes until
// a stage asks for its text. Bytes that are not UTF-8 survive the conversion.

import { decodeGoText, encodeGoText } from '@skald/go-dialect/text/go-bytes'
import type { Label } from '@skald/wire'
import type { LabelState } from '../line/label-state.ts'
import type { LineOrigin } from '../line/line-origin.ts'

/** The place of a line: its file and the offset of its first byte. */
export interface LinePlace {
  readonly origin: LineOrigin
  readonly startOffset: number
}

/** A line, with everything known about it and the results of the stages. */
export class PipelineEntry {
  labels: LabelState
  readonly origin: LineOrigin
  /** Offset in the file of the first byte of the (joined) line. */
  startOffset: number
  /** First part of a line that started in the file before this one. */
  earlier: LinePlace | undefined
  structuredMetadata: Label[] = []
  readonly #firstLabels: LabelState
  #extracted: Map<string, unknown> | undefined
  #bytes: Buffer | undefined
  #text: string | undefined
  #timestampNs: bigint | undefined

  constructor(place: LinePlace, labels: LabelState, line: Buffer | string) {
    this.origin = place.origin
    this.startOffset = place.startOffset
    this.labels = labels
    this.#firstLabels = labels
    if (typeof line === 'string') this.#text = line
    else this.#bytes = line
  }

  /** Values passed between stages. Starts as a copy of the entry's first labels. */
  get extracted(): Map<string, unknown> {
    this.#extracted ??= new Map(this.#firstLabels.entries())
    return this.#extracted
  }

  /** Copies the labels into the extracted values, as on entering a pipeline. */
  refreshExtracted(): void {
    if (!this.#extracted && this.labels === this.#firstLabels) return
    const { extracted } = this
    for (const [name, value] of this.labels.entries()) extracted.set(name, value)
  }

  /** The line as text. Bytes that are not UTF-8 become lone surrogates (see `decodeGoText`). */
  get line(): string {
    this.#text ??= decodeGoText(this.#bytes!)
    return this.#text
  }

  set line(text: string) {
    this.#text = text
    this.#bytes = undefined
  }

  get lineBytes(): Buffer {
    this.#bytes ??= encodeGoText(this.#text!)
    return this.#bytes
  }

  set lineBytes(bytes: Buffer) {
    this.#bytes = bytes
    this.#text = undefined
  }

  /** Time of the line: set by a stage, or else the time of reading. */
  get timestampNs(): bigint {
    return this.#timestampNs ?? this.origin.readTimeNs(this.startOffset)
  }

  set timestampNs(timestampNs: bigint) {
    this.#timestampNs = timestampNs
  }

  /** True if a stage has set the time. */
  get hasOwnTime(): boolean {
    return this.#timestampNs !== undefined
  }

  /** Copies the line's bytes. Required before keeping the entry beyond the current call. */
  detach(): void {
    if (this.#bytes) this.#bytes = Buffer.from(this.#bytes)
  }

  /** Returns another entry with the same place, labels, values and time, but another line. */
  copyWith(line: Buffer | string): PipelineEntry {
    const copy = new PipelineEntry(this, this.#firstLabels, line)
    copy.labels = this.labels
    copy.earlier = this.earlier
    copy.structuredMetadata = [...this.structuredMetadata]
    if (this.#extracted) copy.#extracted = new Map(this.#extracted)
    copy.#timestampNs = this.#timestampNs
    return copy
  }
}
