// Functions of lists: one row each. Every `mustX` is the same as its `x`.

import { FunctionError } from '../../errors.ts'
import { fn, variadic } from '../function.ts'
import { checkItemCount, checkTextLength, printValue } from '../print.ts'
import { compareText, GoList, GoMap, kindOf, type Value } from '../values.ts'
import { isEmpty, toInt64 } from './cast.ts'
import { isDeepEqual } from './deep-equal.ts'

const push = fn(['any', 'any'], (list, item) => {
  return new GoList(checked([...itemsOf(list, 'Cannot push on type'), item]))
})
const prepend = fn(['any', 'any'], (list, item) => {
  return new GoList(checked([item, ...itemsOf(list, 'Cannot prepend on type')]))
})
const first = fn(['any'], list => itemsOf(list, 'Cannot find first on type')[0] ?? null)
const last = fn(['any'], list => itemsOf(list, 'Cannot find last on type').at(-1) ?? null)
const rest = fn(['any'], list => new GoList(itemsOf(list, 'Cannot find rest on type').slice(1)))
const initial = fn(['any'], list => {
  return new GoList(itemsOf(list, 'Cannot find initial on type').slice(0, -1))
})
const reverse = fn(['any'], list => {
  return new GoList(itemsOf(list, 'Cannot find reverse on type').toReversed())
})
const uniq = fn(['any'], list => {
  const found: Value[] = []
  for (const item of itemsOf(list, 'Cannot find uniq on type')) {
    if (!isIn(item, found)) found.push(item)
  }
  return new GoList(found)
})
const without = variadic(['any'], 'any', (list, omitted) => {
  const items = itemsOf(list, 'Cannot find without on type')
  return new GoList(items.filter(item => !isIn(item, omitted)))
})
const has = fn(['any', 'any'], (needle, list) => {
  return list === null ? false : isIn(needle, itemsOf(list, 'Cannot find has on type'))
})
const slice = variadic(['any'], 'any', sliceList)
const compact = fn(['any'], list => {
  const items = itemsOf(list, 'Cannot compact on type')
  return new GoList(items.filter(item => !isEmpty(item)))
})
const chunk = fn(['int', 'any'], chunkList)

export const listFunctions = {
  list: variadic([], 'any', items => new GoList(items)),
  tuple: variadic([], 'any', items => new GoList(items)),
  push,
  append: push,
  mustPush: push,
  mustAppend: push,
  prepend,
  mustPrepend: prepend,
  first,
  mustFirst: first,
  last,
  mustLast: last,
  rest,
  mustRest: rest,
  initial,
  mustInitial: initial,
  reverse,
  mustReverse: reverse,
  uniq,
  mustUniq: uniq,
  without,
  mustWithout: without,
  has,
  mustHas: has,
  slice,
  mustSlice: slice,
  compact,
  mustCompact: compact,
  chunk,
  mustChunk: chunk,
  concat: variadic([], 'any', lists => {
    const items: Value[] = []
    for (const list of lists) {
      if (!(list instanceof GoList)) {
        throw new FunctionError(`Cannot concat type ${kindName(list)} as list`)
      }
      checkItemCount(items.length + list.items.length)
      for (const item of list.items) items.push(item)
    }
    return new GoList(items)
  }),
  join: fn(['string', 'any'], (separator, value) => {
    const texts = textsOf(value)
    const length = texts.reduce((sum, text) => sum + text.length + separator.length, 0)
    checkTextLength(length)
    return texts.join(separator)
  }),
  toStrings: fn(['any'], value => new GoList(textsOf(value), 'string')),
  sortAlpha: fn(['any'], value => {
    const texts = value instanceof GoList ? textsOf(value) : [printValue(value)]
    return new GoList(texts.toSorted(compareText), 'string')
  }),
  split: fn(['string', 'string'], (separator, text) => partsMap(splitText(text, separator, -1))),
  splitn: fn(['string', 'int', 'string'], (separator, count, text) =>
    partsMap(splitText(text, separator, count)),
  ),
  splitList: fn(['string', 'string'], (separator, text) => {
    return new GoList(splitText(text, separator, -1), 'string')
  }),
}

function kindName(value: Value): string {
  if (value === null || value === undefined) {
    throw new FunctionError('runtime error: invalid memory address or nil pointer dereference')
  }
  return kindOf(value)
}

function itemsOf(value: Value, problem: string): readonly Value[] {
  if (value instanceof GoList) return value.items
  throw new FunctionError(`${problem} ${kindName(value)}`)
}

function checked(items: readonly Value[]): readonly Value[] {
  checkItemCount(items.length)
  return items
}

/** Tells whether a list has an item that is deeply equal. */
function isIn(needle: Value, items: readonly Value[]): boolean {
  return items.some(item => isDeepEqual(needle, item))
}

function sliceList(list: Value, bounds: readonly Value[]): Value {
  if (!(list instanceof GoList)) {
    throw new FunctionError(`list should be type of slice or array but ${kindName(list)}`)
  }
  const { length } = list.items
  if (length === 0) return null
  const [from, to] = bounds
  const start = from === undefined ? 0 : Number(toInt64(from))
  const end = to === undefined ? length : Number(toInt64(to))
  if (start < 0 || end < start || end > length) {
    throw new FunctionError('reflect.Value.Slice: slice index out of bounds')
  }
  return new GoList(list.items.slice(start, end), list.itemType)
}

function chunkList(size: number, list: Value): GoList {
  const items = itemsOf(list, 'Cannot chunk type')
  if (size < 1) throw new FunctionError('runtime error: makeslice: len out of range')
  const chunks: GoList[] = []
  for (let at = 0; at < items.length; at += size)
    chunks.push(new GoList(items.slice(at, at + size)))
  return new GoList(chunks, '[]interface {}')
}

/** The items of a list as texts, without nil; anything else is a list of its own text. */
function textsOf(value: Value): string[] {
  if (value === null || value === undefined) return []
  if (!(value instanceof GoList)) return [printValue(value)]
  return value.items.filter(item => item !== null && item !== undefined).map(printValue)
}

function splitText(text: string, separator: string, count: number): string[] {
  if (count === 0) return []
  const parts = separator === '' ? [...text] : text.split(separator)
  checkItemCount(parts.length)
  if (count < 0 || parts.length <= count) return parts
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)]
}

/** Parts as a map with the keys `_0`, `_1` ... */
function partsMap(parts: readonly string[]): GoMap {
  return new GoMap(new Map(parts.map((part, index) => [`_${index}`, part])), 'string')
}
