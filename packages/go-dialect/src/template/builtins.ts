// The functions that every Go template has, but for those that compile.ts has to treat apart: `and` and
// `or` evaluate only the arguments they need, `call` names its argument in errors.

import { FunctionError } from '../errors.ts'
import { byteLength, encodeGoText, sliceBytes } from '../text/go-bytes.ts'
import { type FunctionTable, fn, variadic } from './function.ts'
import { checkTextLength, printValue, sprint, sprintln } from './print.ts'
import { sprintf } from './printf.ts'
import { queryEscape } from './url-text.ts'
import {
  compareText,
  GoInt,
  GoList,
  GoMap,
  GoTime,
  isTrue,
  kindOf,
  typeName,
  type Value,
} from './values.ts'

/** Functions of Go that are no rows of the table. */
export const specialFunctions: ReadonlySet<string> = new Set(['and', 'or', 'call'])

export const builtinFunctions: FunctionTable = {
  not: fn(['value'], value => !isTrue(value)),
  eq: variadic(['value'], 'value', (first, others) => {
    if (others.length === 0) throw new FunctionError('missing argument for comparison')
    return others.some(other => isEqual(first, other))
  }),
  ne: fn(['value', 'value'], (a, b) => !isEqual(a, b)),
  lt: fn(['value', 'value'], (a, b) => isLess(a, b)),
  le: fn(['value', 'value'], (a, b) => isLess(a, b) || isEqual(a, b)),
  gt: fn(['value', 'value'], (a, b) => !(isLess(a, b) || isEqual(a, b))),
  ge: fn(['value', 'value'], (a, b) => !isLess(a, b)),
  len: fn(['value'], value => BigInt(lengthOf(value))),
  index: variadic(['value'], 'value', (item, keys) =>
    keys.reduce(indexOnce, needItem(item, 'index')),
  ),
  slice: variadic(['value'], 'value', (item, bounds) => sliceValue(item, bounds)),
  print: variadic([], 'any', values => sprint(values)),
  printf: variadic(['string'], 'any', (format, values) => sprintf(format, values)),
  println: variadic([], 'any', values => sprintln(values)),
  html: variadic([], 'any', values => escapeHtml(argsText(values))),
  js: variadic([], 'any', values => escapeJs(argsText(values))),
  urlquery: variadic([], 'any', values => queryEscape(argsText(values))),
}

type BasicKind = 'bool' | 'int' | 'uint' | 'float' | 'string' | undefined

function basicKind(value: Value): BasicKind {
  const kind = kindOf(value)
  switch (kind) {
    case 'bool':
    case 'string':
      return kind
    case 'int':
    case 'int64':
      return 'int'
    case 'uint8':
      return 'uint'
    case 'float64':
      return 'float'
    case 'invalid':
    case 'interface':
    case 'slice':
    case 'map':
    case 'struct':
    case 'ptr':
      return undefined
  }
}

function isInteger(kind: BasicKind): boolean {
  return kind === 'int' || kind === 'uint'
}

function isNil(value: Value): boolean {
  return value === undefined || value === null
}

function integerOf(value: Value): bigint {
  return value instanceof GoInt ? value.value : (value as bigint)
}

function isEqual(a: Value, b: Value): boolean {
  const kindA = basicKind(a)
  const kindB = basicKind(b)
  if (isInteger(kindA) && isInteger(kindB)) return integerOf(a) === integerOf(b)
  if (kindA !== kindB) {
    if (isNil(a) || isNil(b)) return false
    throw incompatible(a, b)
  }
  if (kindA !== undefined) return a === b
  if (isNil(a) || isNil(b)) return isNil(a) === isNil(b)
  if (a instanceof GoTime && b instanceof GoTime) {
    return a.timestampNs === b.timestampNs && a.location === b.location
  }
  if (kindOf(a) !== kindOf(b)) {
    throw new FunctionError(
      `non-comparable types ${sprintf('%s', [a])}: ${typeName(a)}, ${typeName(b)}: ${printValue(b)}`,
    )
  }
  if (b instanceof GoList || b instanceof GoMap) {
    throw new FunctionError(`non-comparable type ${sprintf('%s', [b])}: ${typeName(b)}`)
  }
  return a === b
}

function incompatible(a: Value, b: Value): FunctionError {
  return new FunctionError(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`)
}

function isLess(a: Value, b: Value): boolean {
  const kindA = basicKind(a)
  const kindB = basicKind(b)
  if (kindA === undefined || kindB === undefined) {
    throw new FunctionError('invalid type for comparison')
  }
  if (isInteger(kindA) && isInteger(kindB)) return integerOf(a) < integerOf(b)
  if (kindA !== kindB) throw incompatible(a, b)
  if (typeof a === 'number' && typeof b === 'number') return a < b
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b) < 0
  throw new FunctionError('invalid type for comparison')
}

function needItem(item: Value, what: string): Value {
  if (isNil(item)) throw new FunctionError(`${what} of untyped nil`)
  return item
}

function lengthOf(value: Value): number {
  if (typeof value === 'string') return byteLength(value)
  if (value instanceof GoList) return value.items.length
  if (value instanceof GoMap) return value.size
  if (value === null) throw new FunctionError('len of nil pointer')
  if (value === undefined) {
    throw new FunctionError('reflect: call of reflect.Value.Type on zero Value')
  }
  throw new FunctionError(`len of type ${typeName(value)}`)
}

function indexOnce(item: Value, key: Value): Value {
  if (isNil(item)) throw new FunctionError('index of nil pointer')
  if (item instanceof GoMap) {
    if (typeof key === 'string') return item.get(key) ?? (item.itemType === 'string' ? '' : null)
    throw new FunctionError(
      isNil(key)
        ? 'value is nil; should be of type string'
        : `value has type ${typeName(key)}; should be string`,
    )
  }
  if (item instanceof GoList) {
    const at = indexArg(key, item.items.length)
    if (at === item.items.length) throw new FunctionError('reflect: slice index out of range')
    return item.items[at]
  }
  if (typeof item === 'string') {
    const bytes = encodeGoText(item)
    const at = indexArg(key, bytes.length)
    if (at === bytes.length) throw new FunctionError('reflect: string index out of range')
    return new GoInt('uint8', BigInt(bytes[at]!))
  }
  throw new FunctionError(`can't index item of type ${typeName(item)}`)
}

function indexArg(index: Value, lengthMax: number): number {
  if (isNil(index)) throw new FunctionError('cannot index slice/array with nil')
  if (!isInteger(basicKind(index))) {
    throw new FunctionError(`cannot index slice/array with type ${typeName(index)}`)
  }
  const value = integerOf(index)
  if (value < 0n || value > BigInt(lengthMax)) {
    throw new FunctionError(`index out of range: ${value}`)
  }
  return Number(value)
}

function sliceValue(item: Value, bounds: readonly Value[]): Value {
  needItem(item, 'slice')
  if (bounds.length > 3) throw new FunctionError(`too many slice indexes: ${bounds.length}`)
  if (typeof item === 'string') {
    if (bounds.length === 3) throw new FunctionError('cannot 3-index slice a string')
  } else if (!(item instanceof GoList)) {
    throw new FunctionError(`can't slice item of type ${typeName(item)}`)
  }
  const length = typeof item === 'string' ? byteLength(item) : item.items.length
  const [start = 0, end = length, last] = bounds.map(bound => indexArg(bound, length))
  if (start > end) throw new FunctionError(`invalid slice index: ${start} > ${end}`)
  if (last !== undefined && end > last) {
    throw new FunctionError(`invalid slice index: ${end} > ${last}`)
  }
  if (typeof item === 'string') return sliceBytes(item, start, end)
  return new GoList(item.items.slice(start, end), item.itemType)
}

/** The arguments as one text, a missing one as `<no value>`. */
function argsText(values: readonly Value[]): string {
  return sprint(values.map(value => (isNil(value) ? '<no value>' : value)))
}

const htmlEscapes: Readonly<Record<string, string>> = {
  '\0': '\ufffd',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
}

function escapeHtml(text: string): string {
  const escaped = text.replace(/[\0"'&<>]/g, char => htmlEscapes[char]!)
  checkTextLength(escaped.length)
  return escaped
}

function escapeJs(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is escaped.
  const escaped = text.replace(/[\\'"<>&=\0-\x1f]|[\p{C}\p{Z}]/gu, char => {
    if (char === ' ') return char
    if (char === '\\' || char === "'" || char === '"') return `\\${char}`
    const code = char.codePointAt(0)!
    // Go escapes unprintable ASCII below the space only.
    if (code === 0x7f) return char
    // A byte that is no text reads as U+FFFD.
    const shown = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code
    return shown === 0xfffd ? '\ufffd' : `\\u${shown.toString(16).toUpperCase().padStart(4, '0')}`
  })
  checkTextLength(escaped.length)
  return escaped
}
