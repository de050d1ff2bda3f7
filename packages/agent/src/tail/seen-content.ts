// What was seen of an open file: its first bytes, and the bytes before the position. They show that the file
// was overwritten. All of it lies in one piece of memory that is freed as soon as the file is done: files
// that rotate live too long for the garbage collector to notice them early.

import { freeBuffer } from '@skald/wire'
import { lookerAt } from '../files/file-identity.ts'
import { comparedBehindBytesMax, headBytesMax } from '../limits.ts'

const nothing = Buffer.alloc(0)

/** The seen bytes of one file. */
export class SeenContent {
  readonly #memory = Buffer.allocUnsafeSlow(headBytesMax + comparedBehindBytesMax)
  readonly #behindMemory = this.#memory.subarray(headBytesMax)
  /** First bytes, to notice that the file was truncated and overwritten. */
  #head: Buffer = nothing
  /** Bytes before the position, to notice that the file was overwritten with the same first bytes. */
  #behind: Buffer = nothing

  /** The first bytes of the file. Valid until the file is done. */
  get head(): Buffer {
    return this.#head
  }

  get behindLength(): number {
    return this.#behind.length
  }

  /** Reads what is to be compared from a file whose position is `offset`. */
  read(fd: number, offset: number): void {
    this.readHead(fd)
    const length = Math.min(offset, comparedBehindBytesMax)
    const behind = lookerAt(fd)(offset - length, length)
    // A file that is shorter by now is recognised by its size.
    if (behind.length === length) this.#behind = this.#keep(behind)
  }

  #keep(behind: Buffer): Buffer {
    return this.#behindMemory.subarray(0, behind.copy(this.#behindMemory))
  }

  /** Reads the first bytes again, because there may be more of them. */
  readHead(fd: number): void {
    const head = lookerAt(fd)(0, headBytesMax)
    this.#head = this.#memory.subarray(0, head.copy(this.#memory))
  }

  /** Adds bytes that were read from `offset` on to the first bytes. Returns true if they are more now. */
  addToHead(bytes: Buffer, offset: number, length: number): boolean {
    const known = this.#head.length
    const end = Math.min(length, headBytesMax - offset)
    const from = known - offset
    if (from < 0 || from >= end) return false
    const added = bytes.copy(this.#memory, known, from, end)
    this.#head = this.#memory.subarray(0, known + added)
    return true
  }

  /** Returns true if the file begins with other bytes now. */
  hasOtherHead(fd: number): boolean {
    const { length } = this.#head
    return length > 0 && !lookerAt(fd)(0, length).equals(this.#head)
  }

  /** Returns true if the file has other bytes before the position now. */
  hasOtherBehind(fd: number, position: number): boolean {
    const { length } = this.#behind
    return length > 0 && this.isOtherBehind(lookerAt(fd)(position - length, length), position)
  }

  /** Returns true if these are not the bytes before the position. */
  isOtherBehind(now: Buffer, position: number): boolean {
    const behind = this.#behind
    if (now.equals(behind)) return false
    // Some programs change the end of their last write, and some network file systems first show zeros
    // there. Do not send larger files twice because of that.
    const lastLine = behind.lastIndexOf(0x0a, behind.length - 2) + 1
    const isSmall = position <= headBytesMax + comparedBehindBytesMax
    if (isSmall || lastLine === 0 || now.length < lastLine) return true
    return !now.subarray(0, lastLine).equals(behind.subarray(0, lastLine))
  }

  /** Keeps the end of the bytes that the position has moved past: the first `length` of `bytes`. */
  moveBehind(bytes: Buffer, length: number): void {
    const memory = this.#behindMemory
    const fresh = Math.min(length, comparedBehindBytesMax)
    const kept = Math.min(this.#behind.length, comparedBehindBytesMax - fresh)
    const from = this.#behind.length - kept
    if (kept > 0) memory.copyWithin(0, from, from + kept)
    bytes.copy(memory, kept, length - fresh, length)
    this.#behind = memory.subarray(0, kept + fresh)
  }

  forgetBehind(): void {
    this.#behind = nothing
  }

  /** Frees the memory. Call it when the file is done. */
  free(): void {
    this.#head = nothing
    this.#behind = nothing
    freeBuffer(this.#memory)
  }
}
