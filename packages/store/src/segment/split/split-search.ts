// Finds a text in split lines without joining them: most texts occur in templates only.

import { ByteReader } from '../bytes.ts'
import type { SplitParts } from './parts.ts'
import { kinds } from './script-split.ts'

/** What a search needs of the parts. */
export type SearchedParts = Pick<SplitParts, 'shape' | 'ids' | 'words'>

/** Stands for a value in the text of a template. No text that is searched has a digit. */
const valueMark = '0'

/** The lines of a block that are split. */
export class SplitSearch {
  readonly lineCount: number
  readonly #ids: Buffer
  readonly #words: Buffer
  /** Texts of the templates, with a digit for each value. */
  readonly #templates: string[] = []
  #hasHex = false
  #hasUuids = false

  /** @throws RangeError if the parts are damaged. */
  constructor({ shape, ids, words }: SearchedParts) {
    const reader = new ByteReader(shape)
    this.lineCount = reader.varint()
    this.#ids = ids
    this.#words = words
    const columns = reader.varint()
    const templates = reader.varint()
    for (let column = 0; column < columns; column++) this.#readColumn(reader)
    for (let id = 0; id < templates; id++) this.#templates.push(readTemplate(reader))
    if (ids.length !== (templates <= 256 ? 1 : 2) * this.lineCount) {
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
   * Returns 1 for each line that has this text, or `undefined` if values may have a part of it. Each
   * value has a digit, so a text without one never goes beyond a value at both ends.
   */
  find(text: string): Uint8Array | undefined {
    if (text === '' || /[\d\n]/.test(text) || this.#isInValues(text)) return undefined
    const has = Uint8Array.from(this.#templates, template => (template.includes(text) ? 1 : 0))
    const marks = new Uint8Array(this.lineCount)
    if (has.includes(1)) markLines(marks, this.#ids, has)
    return marks
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

/** Returns the text of a template in one character a byte. */
function readTemplate(reader: ByteReader): string {
  let text = ''
  for (;;) {
    text += reader.bytes(reader.varint()).toString('latin1')
    if (reader.u16() === 0) return text
    text += valueMark
  }
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
