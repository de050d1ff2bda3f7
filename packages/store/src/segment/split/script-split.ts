// Splits the lines of a block into templates and columns of values, and joins them again. Lines that
// a program writes share their text and differ in a few numbers and ids. Each number or id is a
// value, and what is left of a line is its template:
//
//   GET /orders/4711 took 12ms   →   GET /orders/ · took · ms     4711, 12
//
// A value belongs to a column, which it shares with values behind the same text. Numbers of a
// column are stored byte by byte, hexadecimal digits two in a byte. Sizes and ratios are in
// docs/decisions/store/split-lines.md, the bytes of the parts in docs/segment-format.md.
//
// This is the form in JavaScript. assembly/line-split.ts makes the same parts.

import type { Allocate } from '../../buffers.ts'
import {
  splitColumnsMax,
  splitLinesMax,
  splitTemplateBytesMax,
  splitTemplatesMax,
  splitValuesMax,
} from '../../limits.ts'
import { ByteReader, ByteWriter } from '../bytes.ts'
import type { SplitParts } from './parts.ts'

/** Kinds of columns. */
export const kinds = { decimal: 0, hex: 1, text: 2, uuid: 3 } as const
type Kind = (typeof kinds)[keyof typeof kinds]

const newline = 10
/** Digits of a number, and of a token that is all numbers. */
const numberDigits = 9
const tokenDigits = 27
const hexDigits = 64
/** A longer token is hexadecimal, or a text. */
const shortToken = 56
const uuidBytes = 36
const uuidHyphens = [8, 13, 18, 23]

const isDigit = (byte: number) => byte >= 48 && byte <= 57
const isHexDigit = (byte: number) => isDigit(byte) || (byte >= 97 && byte <= 102)
const isTokenByte = (byte: number) =>
  isDigit(byte) || ((byte | 32) >= 97 && (byte | 32) <= 122) || byte === 95 || byte >= 128

/** Digits → how many texts of fewer digits there are: `0` to `9`, then `00` to `99`, and so on. */
const shorterTexts = [0, 0]
for (let digits = 2, power = 10; digits <= numberDigits + 1; digits++, power *= 10) {
  shorterTexts.push(shorterTexts[digits - 1]! + power)
}

interface Column {
  readonly kind: Kind
  /** Bytes of a value, if all have the same. */
  readonly width: number
  /** Numbers of the values, or their bytes. */
  readonly values: number[]
  count: number
}

/**
 * Splits lines that end with `\n`. Returns `undefined` if they have more lines, templates, columns or
 * values than a reader takes.
 */
export function splitInScript(text: Buffer): SplitParts | undefined {
  const splitter = new Splitter(text)
  return splitter.run() ? splitter.parts() : undefined
}

class Splitter {
  readonly #text: Buffer
  readonly #ids: number[] = []
  readonly #templates = new Map<string, number>()
  readonly #columns: Column[] = []
  readonly #columnOf = new Map<string, number>()
  #template = new ByteWriter()
  #templateBytes = 0
  #values = 0
  /** Start of the text that is not in the template yet. */
  #literal = 0
  /** Hash of the text before the last value. */
  #context = 0

  constructor(text: Buffer) {
    this.#text = text
  }

  run(): boolean {
    const text = this.#text
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf(newline, at)
      if (this.#ids.length === splitLinesMax || !this.#addLine(at, end)) return false
      at = end + 1
    }
    return true
  }

  #addLine(start: number, lineEnd: number): boolean {
    const text = this.#text
    this.#template = new ByteWriter()
    this.#literal = start
    this.#context = 0
    for (let at = start; at < lineEnd; ) {
      if (!isTokenByte(text[at]!)) {
        at++
        continue
      }
      let end = at
      let digit = -1
      for (; isTokenByte(text[end]!); end++) if (digit < 0 && isDigit(text[end]!)) digit = end
      at = digit < 0 ? end : this.#addToken(at, digit, end)
      if (at < 0) return false
    }
    this.#addLiteral(lineEnd)
    this.#template.u16(0)
    const bytes = this.#template.finish()
    const known = bytes.toString('latin1')
    let id = this.#templates.get(known)
    if (id === undefined) {
      id = this.#templates.size
      this.#templates.set(known, id)
      this.#templateBytes += bytes.length
    }
    this.#ids.push(id)
    return this.#templates.size <= splitTemplatesMax && this.#templateBytes <= splitTemplateBytesMax
  }

  /** Adds the values of a token with a digit. Returns where to look on, or -1 if there is no room. */
  #addToken(token: number, digit: number, end: number): number {
    const text = this.#text
    const length = end - token
    const bytes = text.subarray(token, end)
    const isHex = bytes.every(isHexDigit)
    if (length <= tokenDigits && bytes.every(isDigit)) {
      return this.#addDigits(token, end) ? end : -1
    }
    if (isHex && length === 8 && this.#isUuid(token)) {
      return this.#addValue(kinds.uuid, 16, token, token + uuidBytes) ? token + uuidBytes : -1
    }
    if (isHex && length >= 4 && length <= hexDigits && length % 2 === 0) {
      return this.#addValue(kinds.hex, length / 2, token, end) ? end : -1
    }
    if (length <= shortToken) {
      // Letters before digits, or no more than two letters behind them.
      const [, before = '', first = '', letters = '', last = ''] =
        /^(\D*)(\d*)(\D*)(\d*)$/.exec(bytes.toString('latin1')) ?? []
      const mostDigits = Math.max(first.length, last.length)
      const isNumbered = before === '' ? letters.length <= 2 : letters === ''
      if (mostDigits > 0 && mostDigits <= tokenDigits && isNumbered) {
        const added =
          this.#addDigits(digit, digit + first.length) && this.#addDigits(end - last.length, end)
        return added ? end : -1
      }
    }
    return this.#addValue(kinds.text, 0, token, end) ? end : -1
  }

  #isUuid(at: number): boolean {
    const text = this.#text
    for (let i = 8; i < uuidBytes; i++) {
      const byte = text[at + i] ?? 0
      if (uuidHyphens.includes(i) ? byte !== 45 : !isHexDigit(byte)) return false
    }
    return !isTokenByte(text[at + uuidBytes] ?? 0)
  }

  #addDigits(from: number, end: number): boolean {
    for (let at = from; at < end; at += numberDigits) {
      const last = Math.min(at + numberDigits, end)
      if (!this.#addValue(kinds.decimal, 0, at, last)) return false
    }
    return true
  }

  #addValue(kind: Kind, width: number, start: number, end: number): boolean {
    if (this.#values++ === splitValuesMax) return false
    const column = this.#findColumn(kind, width, start)
    if (column >= splitColumnsMax) return false
    this.#addLiteral(start)
    this.#template.u16(column + 1)
    this.#literal = end
    const { values } = this.#columns[column]!
    this.#columns[column]!.count++
    const text = this.#text.toString('latin1', start, end)
    if (kind === kinds.decimal) values.push(Number(text) + shorterTexts[text.length]!)
    else if (kind === kinds.text) values.push(...this.#text.subarray(start, end), newline)
    else values.push(...Buffer.from(text.replaceAll('-', ''), 'hex'))
    return true
  }

  #addLiteral(end: number): void {
    this.#template.varint(end - this.#literal)
    this.#template.bytes(this.#text.subarray(this.#literal, end))
  }

  /**
   * Finds the column of a value by its kind and the up to eight bytes of text before it. If there are
   * fewer than four, the value before counts as well.
   */
  #findColumn(kind: Kind, width: number, start: number): number {
    const length = start - this.#literal
    const taken = Math.min(length, 8)
    let near = 0
    let far = 0
    for (let i = 0; i < taken; i++) {
      const byte = this.#text[start - taken + i]!
      if (i < 4) near |= byte << (8 * i)
      else far |= byte << (8 * (i - 4))
    }
    let hash = Math.imul(near ^ Math.imul(far, 0x9e3779b1), 0x85ebca6b)
    if (length < 4) hash = Math.imul(hash ^ this.#context, 0xc2b2ae35) + 1
    hash = (hash ^ (hash >>> 15)) >>> 0
    this.#context = hash
    const key = `${hash} ${kind} ${width}`
    let column = this.#columnOf.get(key)
    if (column === undefined) {
      column = this.#columns.length
      this.#columnOf.set(key, column)
      this.#columns.push({ kind, width, values: [], count: 0 })
    }
    return column
  }

  parts(): SplitParts {
    const shape = new ByteWriter()
    shape.varint(this.#ids.length)
    shape.varint(this.#columns.length)
    shape.varint(this.#templates.size)
    const words: Buffer[] = []
    const numbers: Buffer[] = []
    const hex: Buffer[] = []
    for (const { kind, width, values, count } of this.#columns) {
      shape.u8(kind)
      shape.varint(count)
      if (kind === kinds.decimal) {
        const planes = planesOf(values)
        shape.u8(planes.length)
        numbers.push(...planes)
      } else if (kind === kinds.text) {
        shape.varint(values.length)
        words.push(Buffer.from(values))
      } else {
        if (kind === kinds.hex) shape.u8(width)
        hex.push(Buffer.from(values))
      }
    }
    for (const template of this.#templates.keys()) shape.bytes(Buffer.from(template, 'latin1'))
    return {
      shape: shape.finish(),
      ids: idBytes(this.#ids, this.#templates.size),
      words: Buffer.concat(words),
      numbers: Buffer.concat(numbers),
      hex: Buffer.concat(hex),
    }
  }
}

/** Returns the lowest bytes of all numbers, then the next, as many as the highest number has. */
function planesOf(values: readonly number[]): Buffer[] {
  const highest = values.reduce((most, value) => Math.max(most, value), 0)
  const planes: Buffer[] = []
  for (let shift = 0; shift === 0 || highest >= 2 ** shift; shift += 8) {
    planes.push(Buffer.from(values.map(value => (value >>> shift) & 0xff)))
  }
  return planes
}

function idBytes(ids: readonly number[], templateCount: number): Buffer {
  const low = Buffer.from(ids)
  return templateCount <= 256 ? low : Buffer.concat([low, Buffer.from(ids.map(id => id >>> 8))])
}

interface StoredColumn {
  readonly kind: Kind
  readonly width: number
  readonly count: number
  readonly bytes: Buffer
  /** Values, or bytes of text, that were read. */
  read: number
}

/** LineSplitter describes it. */
export function joinInScript(parts: SplitParts, bytesMax: number, allocate: Allocate): Buffer {
  const reader = new ByteReader(parts.shape)
  const lineCount = reader.varint()
  const columnCount = reader.varint()
  const templateCount = reader.varint()
  if (
    lineCount > splitLinesMax ||
    columnCount > splitColumnsMax ||
    templateCount > splitTemplatesMax ||
    parts.ids.length !== (templateCount <= 256 ? lineCount : 2 * lineCount)
  ) {
    throw new RangeError('split lines have too many parts')
  }
  const columns = readColumns(reader, columnCount, parts)
  const templates: Template[] = []
  for (let id = 0; id < templateCount; id++) templates.push(readTemplate(reader, columns))
  if (reader.remaining > 0) throw new RangeError('templates do not fill their part')
  const text = allocate(bytesMax)
  let at = 0
  for (let line = 0; line < lineCount; line++) {
    const id = parts.ids[line]! | (templateCount > 256 ? parts.ids[lineCount + line]! << 8 : 0)
    const template = templates[id]
    if (!template) throw new RangeError('a line has an unknown template')
    for (const piece of template) {
      const bytes = Buffer.isBuffer(piece) ? piece : nextValue(piece)
      if (at + bytes.length >= bytesMax) throw new RangeError('split lines are too long')
      at += bytes.copy(text, at)
    }
    text[at++] = newline
  }
  return text.subarray(0, at)
}

/** Text and columns in turn. */
type Template = readonly (Buffer | StoredColumn)[]

function readColumns(reader: ByteReader, count: number, parts: SplitParts): StoredColumn[] {
  const { words, numbers, hex } = parts
  const used = { words: 0, numbers: 0, hex: 0 }
  const take = (name: keyof typeof used, bytes: number): Buffer => {
    const start = used[name]
    used[name] += bytes
    return parts[name].subarray(start, used[name])
  }
  const columns = Array.from({ length: count }, () => {
    const kind = reader.u8() as Kind
    if (kind > kinds.uuid) throw new RangeError('a column has an unknown kind')
    const valueCount = reader.varint()
    let width = kind === kinds.uuid ? 16 : 0
    let bytes: Buffer
    if (kind === kinds.decimal) {
      width = reader.u8()
      if (width < 1 || width > 4) throw new RangeError('a column has numbers of a wrong width')
      bytes = take('numbers', width * valueCount)
    } else if (kind === kinds.text) {
      bytes = take('words', reader.varint())
    } else {
      if (kind === kinds.hex) width = reader.u8()
      if (width < 1 || width > hexDigits / 2) throw new RangeError('a column has a wrong width')
      bytes = take('hex', width * valueCount)
    }
    return { kind, width, count: valueCount, bytes, read: 0 }
  })
  if (used.words !== words.length || used.numbers !== numbers.length || used.hex !== hex.length) {
    throw new RangeError('columns do not fill their parts')
  }
  return columns
}

function readTemplate(reader: ByteReader, columns: readonly StoredColumn[]): Template {
  const pieces: (Buffer | StoredColumn)[] = []
  for (;;) {
    pieces.push(reader.bytes(reader.varint()))
    const column = reader.u16()
    if (column === 0) return pieces
    const of = columns[column - 1]
    if (!of) throw new RangeError('a template has an unknown column')
    pieces.push(of)
  }
}

/** @throws RangeError if the column has no more values. */
function nextValue(column: StoredColumn): Buffer {
  const { kind, width, count, bytes } = column
  if (kind === kinds.text) {
    const end = bytes.indexOf(newline, column.read)
    if (end < 0) throw new RangeError('a column ends early')
    const value = bytes.subarray(column.read, end)
    column.read = end + 1
    return value
  }
  const index = column.read++
  if (index >= count) throw new RangeError('a column ends early')
  if (kind === kinds.decimal) {
    let value = 0
    for (let plane = width - 1; plane >= 0; plane--) {
      value = value * 256 + bytes[plane * count + index]!
    }
    let digits = 1
    while (digits < numberDigits && value >= shorterTexts[digits + 1]!) digits++
    return Buffer.from(String(value - shorterTexts[digits]!).padStart(digits, '0'))
  }
  const text = bytes.toString('hex', index * width, (index + 1) * width)
  if (kind === kinds.hex) return Buffer.from(text)
  return Buffer.from(text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))
}
