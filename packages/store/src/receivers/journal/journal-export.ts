// systemd's journal export format: fields of an entry, and an empty line after it.
//
//   MESSAGE=one line
//   BINARY            <- a value with line feeds or other bytes: its length as 64 bits, little endian,
//   ........bytes     <- then the bytes and a line feed
//
// https://systemd.io/JOURNAL_EXPORT_FORMATS

import { ByteQueue } from '@skald/wire/byte-queue'
import { documentBytesMax, documentFieldsMax, journalFieldNameBytesMax } from '../../limits.ts'

const lineFeed = 0x0a
const equals = 0x3d
const lengthBytes = 8

/** Field → value. If a field has several values, the last one. */
export type JournalFields = Map<string, Buffer>

/** A field whose value follows. */
interface BinaryField {
  readonly name: string
  /** Bytes that are missing; below 0 as long as nobody knows. */
  length: number
  isSkipped: boolean
}

/** Thrown when bytes are no journal export. Nothing after them can be read. */
export class JournalSyntaxError extends SyntaxError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'JournalSyntaxError'
  }
}

/** Reads entries from bytes that arrive in pieces. Keeps at most one unfinished entry. */
export class JournalExportReader {
  readonly #queue = new ByteQueue(lineFeed)
  #fields: JournalFields = new Map()
  #entryBytes = 0
  #entryNumber = 1
  /** A binary field whose value is being read. */
  #binary: BinaryField | undefined
  /** Whether the rest of an overlong line is being skipped. */
  #isSkipping = false

  /** Number of the entry that is being read, from 1. */
  get entryNumber(): number {
    return this.#entryNumber
  }

  /** Bytes of the unfinished entry. */
  get bytes(): number {
    return this.#entryBytes + this.#queue.length
  }

  /**
   * Yields the entries that are complete. Values longer than `documentBytesMax`, and those that make an entry larger,
   * are left out.
   * @throws JournalSyntaxError
   */
  *take(chunk: Buffer): Generator<JournalFields> {
    this.#queue.push(chunk)
    for (;;) {
      if (this.#binary) {
        if (!this.#takeBinary(this.#binary)) break
        continue
      }
      const at = this.#queue.next()
      if (at < 0) {
        this.#skipOverlong()
        break
      }
      const line = this.#queue.bytes.subarray(0, at)
      if (this.#isSkipping) {
        this.#isSkipping = false
        this.#queue.drop(at + 1)
      } else if (at > 0) {
        const binary = this.#takeLine(line)
        this.#queue.drop(at + 1)
        this.#binary = binary
      } else {
        this.#queue.drop(1)
        if (this.#fields.size > 0) yield this.#endEntry()
      }
    }
    this.#queue.settle()
  }

  /**
   * Yields the last entry, if the empty line after it is missing, or its last line feed.
   * @throws JournalSyntaxError when the body ends within a field.
   */
  *end(): Generator<JournalFields> {
    if (!this.#binary && !this.#isSkipping && this.#queue.length > 0) {
      this.#binary = this.#takeLine(this.#queue.bytes)
    }
    if (this.#binary || this.#isSkipping) {
      throw new JournalSyntaxError(`entry ${this.#entryNumber} ends within a field`)
    }
    if (this.#fields.size > 0) yield this.#endEntry()
  }

  #endEntry(): JournalFields {
    const fields = this.#fields
    this.#fields = new Map()
    this.#entryBytes = 0
    this.#entryNumber++
    return fields
  }

  /** Takes a line of an entry. Returns the field whose binary value follows. */
  #takeLine(line: Buffer): BinaryField | undefined {
    const at = line.indexOf(equals)
    const name = line.toString('latin1', 0, at < 0 ? line.length : at)
    if (name.length > journalFieldNameBytesMax || !/^[A-Z0-9_]+$/.test(name)) {
      throw new JournalSyntaxError(
        `entry ${this.#entryNumber}: ${JSON.stringify(name.slice(0, 60))} is no name of a field`,
      )
    }
    if (at < 0) return { name, length: -1, isSkipped: false }
    this.#keep(name, line.subarray(at + 1))
    return undefined
  }

  #keep(name: string, value: Buffer): void {
    this.#entryBytes += name.length + value.length
    if (this.#entryBytes > documentBytesMax || this.#fields.size >= documentFieldsMax) return
    // A copy, because the entry outlives this call.
    this.#fields.set(name, Buffer.from(value))
  }

  /** Reads on in a binary value. Returns false if more bytes are needed. */
  #takeBinary(binary: BinaryField): boolean {
    const queue = this.#queue
    if (binary.length < 0) {
      if (queue.length < lengthBytes) return false
      const length = queue.bytes.readBigUInt64LE(0)
      if (length > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new JournalSyntaxError(
          `entry ${this.#entryNumber}: field ${binary.name} has a length of ${length} bytes`,
        )
      }
      queue.drop(lengthBytes)
      binary.length = Number(length)
      binary.isSkipped = binary.length > documentBytesMax
    }
    if (binary.isSkipped) {
      const count = Math.min(binary.length, queue.length)
      queue.drop(count)
      binary.length -= count
      if (binary.length > 0) return false
      binary.isSkipped = false
    }
    if (queue.length < binary.length + 1) return false
    if (queue.bytes[binary.length] !== lineFeed) {
      throw new JournalSyntaxError(
        `entry ${this.#entryNumber}: field ${binary.name} does not end after its length`,
      )
    }
    if (binary.length > 0) this.#keep(binary.name, queue.bytes.subarray(0, binary.length))
    queue.drop(binary.length + 1)
    this.#binary = undefined
    return true
  }

  #skipOverlong(): void {
    if (this.#queue.length <= documentBytesMax) return
    this.#isSkipping = true
    this.#queue.drop(this.#queue.length)
  }
}
