// Says in numbers how the lines of a block are split, for people.

import { ByteReader } from '../bytes.ts'
import { kinds } from './script-split.ts'
import { readShape, type StoredGroup } from './split-section.ts'

/** Kinds of columns in words. */
export const splitKindNames = ['number', 'hexadecimal', 'text', 'UUID'] as const
export type SplitKindName = (typeof splitKindNames)[number]

/** A column of values. */
export interface SplitColumn {
  readonly kind: SplitKindName
  readonly values: number
  /** Before compression. */
  readonly bytes: number
}

/** How lines are split. */
export interface SplitShape {
  readonly lines: number
  readonly templates: number
  readonly columns: readonly SplitColumn[]
  readonly groups: readonly StoredGroup[]
}

const uuidBytes = 16

/** Reads the shape of a section of split lines. @throws RangeError, or the error of zlib, if it is damaged. */
export function splitShapeOf(section: Buffer): SplitShape {
  const { shape, groups } = readShape(section)
  const reader = new ByteReader(shape)
  const lines = reader.varint()
  const columnCount = reader.varint()
  const templates = reader.varint()
  const columns: SplitColumn[] = []
  for (let left = columnCount; left > 0; left--) columns.push(readColumn(reader))
  return { lines, templates, columns, groups }
}

function readColumn(reader: ByteReader): SplitColumn {
  const number = reader.u8()
  const kind = splitKindNames[number]
  if (kind === undefined) throw new RangeError(`unknown kind of column ${number}`)
  const values = reader.varint()
  switch (number) {
    case kinds.text:
      return { kind, values, bytes: reader.varint() }
    case kinds.uuid:
      return { kind, values, bytes: values * uuidBytes }
    default:
      return { kind, values, bytes: values * reader.u8() }
  }
}
