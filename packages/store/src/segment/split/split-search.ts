// Finds a text in split lines without joining them: most texts occur in templates only.

import { splitTemplatesMax } from '../../limits.ts'
import { ByteReader } from '../bytes.ts'
import type { SplitParts } from './parts.ts'
import { kinds } from './script-split.ts'

/** What a search needs of the parts. */
export type SearchedParts = Pick<SplitParts, 'shape' | 'ids' | 'words'>

/** The lines of a block that are split. */
export class SplitSearch {
  readonly #lineCount: number
  readonly #rowCount: number
  readonly #lineCounts: Uint32Array | undefined
  readonly #ids: Buffer
  readonly #words: Buffer
  readonly #shape: Buffer
  readonly #templateCount: number
  /** Where the templates begin in the shape. */
  readonly #templatesAt: number
  #hasHex = false
  #hasUuids = false

  /**
   * @param lineCounts Row → its lines. Not given if each row has one.
   * @throws RangeError if the parts are damaged.
   */
  constructor(
    { shape, ids, words }: SearchedParts,
    rowCount: number,
    lineCounts: Uint32Array | undefined,
  ) {
    this.#rowCount = rowCount
    this.#lineCounts = lineCounts
    const reader = new ByteReader(shape)
    this.#shape = shape
    this.#lineCount = reader.varint()
    this.#ids = ids
    this.#words = words
    const columns = reader.varint()
    this.#templateCount = reader.varint()
    for (let column = 0; column < columns; column++) this.#readColumn(reader)
    this.#templatesAt = shape.length - reader.remaining
    const lines = lineCounts ? lineCounts.reduce((sum, count) => sum + count, 0) : rowCount
    if (
      lines !== this.#lineCount ||
      this.#templateCount > splitTemplatesMax ||
      ids.length !== (this.#templateCount <= 256 ? 1 : 2) * lines
    ) {
      throw new RangeError('lines do not fit their templates')
    }
  }

  #readColumn(reader: ByteReader): void {
    const kind = reader.u8()
    reader.varint()
    if (kind === kinds.hex) this.#hasHex = true
    if (kind === kinds.uuid) this.#hasUuids = true
    if (kind === kinds.decimal || kind === kinds.hex) reader.u8()
    if (kind === kinds.text) reader.varint()
  }

  /**
   * Returns 1 for each row that has this text, or `undefined` if values may have a part of it. Each
   * value has a digit, so a text without one never goes beyond a value at both ends.
   * @throws RangeError if the templates are damaged.
   */
  find(text: string): Uint8Array | undefined {
    if (text === '' || /[\d\n]/.test(text) || this.#isInValues(text)) return undefined
    const needle = Buffer.from(text, 'latin1')
    const has = templatesWith(needle, this.#shape, this.#templatesAt, this.#templateCount)
    if (!has) return new Uint8Array(this.#rowCount)
    const marks = new Uint8Array(this.#lineCount)
    markLines(marks, this.#ids, has)
    return this.#lineCounts ? markRows(marks, this.#lineCounts) : marks
  }

  #isInValues(text: string): boolean {
    // The beginning of the text may be the end of a value, and its end the beginning of one.
    const head = /^[a-z_\x80-\xff]*/i.exec(text)![0]
    const tail = /[a-z_\x80-\xff]*$/i.exec(text)![0]
    const isHex = /^[a-f]+$/.test(head) || /^[a-f]+$/.test(tail)
    if (isHex && (this.#hasHex || this.#hasUuids)) return true
    if (this.#hasUuids && text.includes('-')) return true
    if (head === text) return this.#hasWord(text)
    const startsInWord = head !== '' && this.#hasWord(`${head}\n`)
    const endsInWord = tail !== '' && (this.#startsWithWord(tail) || this.#hasWord(`\n${tail}`))
    return startsInWord || endsInWord
  }

  #hasWord(text: string): boolean {
    return this.#words.includes(text, 0, 'latin1')
  }

  #startsWithWord(text: string): boolean {
    return this.#words.toString('latin1', 0, text.length) === text
  }
}

/**
 * Returns 1 for each template that has a text, or `undefined` if none has. Goes from one piece of text
 * to the next beside the places where the bytes of the text are: those may also be sizes and columns.
 */
function templatesWith(
  needle: Buffer,
  shape: Buffer,
  templatesAt: number,
  templateCount: number,
): Uint8Array | undefined {
  let hit = shape.indexOf(needle, templatesAt)
  if (hit < 0) return undefined
  const has = new Uint8Array(templateCount)
  let at = templatesAt
  for (let id = 0; id < templateCount; ) {
    let length = shape[at++]!
    if (length >= 0x80) {
      length = (length & 0x7f) | (shape[at]! << 7)
      if (shape[at++]! >= 0x80) length = (length & 0x3fff) | (shape[at++]! << 14)
    }
    const end = at + length
    if (end + 2 > shape.length) throw new RangeError('templates end early')
    while (hit < at) {
      hit = shape.indexOf(needle, hit + 1)
      if (hit < 0) return has
    }
    if (hit + needle.length <= end) has[id] = 1
    if (shape[end] === 0 && shape[end + 1] === 0) id++
    at = end + 2
  }
  return has
}

function markLines(marks: Uint8Array, ids: Buffer, has: Uint8Array): void {
  const count = marks.length
  if (ids.length === count) for (let line = 0; line < count; line++) marks[line] = has[ids[line]!]!
  else {
    for (let line = 0; line < count; line++) {
      marks[line] = has[ids[line]! | (ids[count + line]! << 8)]!
    }
  }
}

/** Returns 1 for each row with a line that is marked. */
function markRows(lines: Uint8Array, lineCounts: Uint32Array): Uint8Array {
  const rows = new Uint8Array(lineCounts.length)
  let line = 0
  for (let row = 0; row < rows.length; row++) {
    const end = line + lineCounts[row]!
    for (; line < end; line++) if (lines[line] === 1) rows[row] = 1
  }
  return rows
}
