// Reads a file of a job with `decompression`: a compressed file once, any other like a normal log, because
// directories hold both. A log that was compressed after it was read is not read again.

import { closeSync } from 'node:fs'
import { type OpenedFile, openIfThere, readerOf } from '../files/file-identity.ts'
import { CompressedTailer, type Decompression } from './compressed-tailer.ts'
import { Tailer, type TailerContext } from './tailer.ts'

/** Reads a path in one of the two ways, chosen once the file has content. */
export class MixedTailer {
  readonly path: string
  readonly #context: TailerContext
  readonly #decompression: Decompression
  readonly #foundMs: number
  #tailer: Tailer | CompressedTailer | undefined
  /** True if its content was read before it was compressed. */
  #isKnown = false
  #isLeaving = false
  #isClosed = false

  constructor(path: string, context: TailerContext, decompression: Decompression) {
    this.path = path
    this.#context = context
    this.#decompression = decompression
    this.#foundMs = context.nowMs()
  }

  get openCount(): number {
    return this.#tailer?.openCount ?? 0
  }

  get readOffset(): number {
    return this.#tailer?.readOffset ?? 0
  }

  get foundAt(): string | undefined {
    return this.#tailer?.foundAt
  }

  get mayChangeUnseen(): boolean {
    return this.#tailer?.mayChangeUnseen ?? true
  }

  get sizeBytes(): number | undefined {
    return this.#tailer?.sizeBytes
  }

  get isAlias(): boolean {
    return this.#isKnown || this.#tailer?.isAlias === true
  }

  get isDone(): boolean {
    return this.#tailer?.isDone ?? this.#isLeaving
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  leave(how?: 'when-gone' | 'for-good'): void {
    this.#isLeaving = true
    if (this.#tailer instanceof Tailer) this.#tailer.leave(how)
    else this.#tailer?.leave()
  }

  stay(): void {
    this.#isLeaving = false
    this.#tailer?.stay()
  }

  renewConsumers(): void {
    this.#tailer?.renewConsumers()
  }

  halt(): void {
    this.#isClosed = true
    this.#tailer?.halt()
  }

  get isSettled(): boolean {
    return this.#tailer?.isSettled ?? true
  }

  poll(): boolean {
    if (this.#tailer) return this.#tailer.poll()
    if (this.#isKnown || this.#isClosed) return false
    const { nowMs } = this.#context
    if (nowMs() - this.#foundMs < this.#decompression.initialDelayMs) return true
    const file = openIfThere(this.path)
    if (!file) return false
    try {
      const isCompressed = beginsCompressed(readerOf(file.fd)(0, 3), this.#decompression.format)
      if (isCompressed === undefined) return false
      if (!isCompressed) return this.#start(new Tailer(this.path, this.#context))
      return this.#startCompressed(file)
    } finally {
      closeSync(file.fd)
    }
  }

  #startCompressed({ stats }: OpenedFile): boolean {
    const { known, scope } = this.#context
    const record = known.find(scope, stats)
    // Found by a normal tailer before, or started as a compressed file.
    this.#isKnown = record
      ? !record.countsLines && record.path !== this.path
      : known.wasRead(scope, this.path)
    if (this.#isKnown) return false
    const { format } = this.#decompression
    return this.#start(new CompressedTailer(this.path, this.#context, format))
  }

  #start(tailer: Tailer | CompressedTailer): boolean {
    this.#tailer = tailer
    if (this.#isLeaving) tailer.leave()
    return tailer.poll()
  }

  close(): void {
    this.#isClosed = true
    this.#tailer?.close()
  }
}

/**
 * Returns true if the first three bytes of a file show that it is compressed, or `undefined` if it is too
 * short. The signatures are those of RFC 1952 (gzip), RFC 1950 (zlib: a checksum over the first two bytes)
 * and bzip2.
 */
function beginsCompressed(
  [first, second, third]: Uint8Array,
  format: Decompression['format'],
): boolean | undefined {
  if (first === undefined) return undefined
  const starts = { gz: 0x1f, z: 0x78, bz2: 0x42 }
  if (first !== starts[format]) return false
  if (second === undefined) return undefined
  if (format === 'gz') return second === 0x8b
  if (format === 'z') return (first * 256 + second) % 31 === 0
  if (second !== 0x5a) return false
  return third === undefined ? undefined : third === 0x68
}
