// Functions of texts: one row each. Positions and lengths count bytes unless a row says otherwise.

import { FunctionError } from '../../errors.ts'
import { byteLength, decodeGoText, encodeGoText, sliceBytes } from '../../text/go-bytes.ts'
import {
  isSpace,
  swapCase,
  toLower,
  toTitle,
  toUpper,
  trimSpace,
  untitle,
} from '../../text/letter-case.ts'
import { fn, variadic } from '../function.ts'
import { checkTextLength, printValue } from '../print.ts'
import { quoteText } from '../printf.ts'
import type { Value } from '../values.ts'

/** Functions in the order of arguments of pipelines: the text comes last. */
export const textFunctions = {
  lower: fn(['string'], toLower),
  upper: fn(['string'], toUpper),
  title: fn(['string'], toTitle),
  trim: fn(['string'], trimSpace),
  trimAll: fn(['string', 'string'], (cutset, text) => trimStart(trimEnd(text, cutset), cutset)),
  trimPrefix: fn(['string', 'string'], (prefix, text) => withoutPrefix(text, prefix)),
  trimSuffix: fn(['string', 'string'], (suffix, text) => withoutSuffix(text, suffix)),
  trunc: fn(['int', 'string'], truncate),
  substr: fn(['int', 'int', 'string'], substring),
  contains: fn(['string', 'string'], (part, text) => text.includes(part)),
  hasPrefix: fn(['string', 'string'], (prefix, text) => text.startsWith(prefix)),
  hasSuffix: fn(['string', 'string'], (suffix, text) => text.endsWith(suffix)),
  indent: fn(['int', 'string'], indent),
  nindent: fn(['int', 'string'], (width, text) => `\n${indent(width, text)}`),
  replace: fn(['string', 'string', 'string'], (old, by, text) =>
    replace(text, { old, by, count: -1 }),
  ),
  repeat: fn(['int', 'string'], (count, text) => repeat(text, count)),
}

/** The same and others in the order of Go's strings package: the text comes first. */
export const goTextFunctions = {
  ToLower: fn(['string'], toLower),
  ToUpper: fn(['string'], toUpper),
  Replace: fn(['string', 'string', 'string', 'int'], (text, old, by, count) =>
    replace(text, { old, by, count }),
  ),
  Trim: fn(['string', 'string'], (text, cutset) => trimStart(trimEnd(text, cutset), cutset)),
  TrimLeft: fn(['string', 'string'], trimStart),
  TrimRight: fn(['string', 'string'], trimEnd),
  TrimPrefix: fn(['string', 'string'], withoutPrefix),
  TrimSuffix: fn(['string', 'string'], withoutSuffix),
  TrimSpace: fn(['string'], trimSpace),
}

/** Functions that only the agent has. */
export const moreTextFunctions = {
  trimall: textFunctions.trimAll,
  untitle: fn(['string'], untitle),
  swapcase: fn(['string'], swapCase),
  nospace: fn(['string'], text => [...text].filter(char => !isSpace(char)).join('')),
  initials: fn(['string'], initials),
  abbrev: fn(['int', 'string'], (width, text) => {
    return width < 4 ? text : abbreviate(text, { offset: 0, width })
  }),
  abbrevboth: fn(['int', 'int', 'string'], (offset, width, text) => {
    return width < 4 || (offset > 0 && width < 7) ? text : abbreviate(text, { offset, width })
  }),
  wrap: fn(['int', 'string'], (width, text) =>
    wrap(text, { width, newline: '\n', cutsWords: false }),
  ),
  wrapWith: fn(['int', 'string', 'string'], (width, newline, text) =>
    wrap(text, { width, newline, cutsWords: true }),
  ),
  quote: variadic([], 'any', values => joinQuoted(values, value => quoteText(printValue(value)))),
  squote: variadic([], 'any', values => joinQuoted(values, value => `'${printValue(value)}'`)),
  cat: variadic([], 'any', values => joinQuoted(values, printValue)),
  plural: fn(['string', 'string', 'int'], (one, many, count) => (count === 1 ? one : many)),
  toString: fn(['any'], value => printValue(value)),
}

function trimStart(text: string, cutset: string): string {
  const cut = new Set(cutset)
  let start = 0
  for (const char of text) {
    if (!cut.has(char)) break
    start += char.length
  }
  return text.slice(start)
}

function trimEnd(text: string, cutset: string): string {
  const cut = new Set(cutset)
  let end = text.length
  while (end > 0) {
    const isPair = end > 1 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(end - 2, end))
    const size = isPair ? 2 : 1
    if (!cut.has(text.slice(end - size, end))) break
    end -= size
  }
  return text.slice(0, end)
}

function withoutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text
}

function withoutSuffix(text: string, suffix: string): string {
  return text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text
}

function truncate(count: number, text: string): string {
  const length = byteLength(text)
  if (count < 0 && length + count > 0) return sliceBytes(text, length + count, length)
  return count >= 0 && length > count ? sliceBytes(text, 0, count) : text
}

function substring(start: number, end: number, text: string): string {
  const length = byteLength(text)
  const outOfRange = (range: string) =>
    new FunctionError(`runtime error: slice bounds out of range ${range}`)
  if (start < 0) {
    if (end < 0) throw outOfRange(`[:${end}]`)
    if (end > length) throw outOfRange(`[:${end}] with length ${length}`)
    return sliceBytes(text, 0, end)
  }
  if (end < 0 || end > length) {
    if (start > length) throw outOfRange(`[${start}:${length}]`)
    return sliceBytes(text, start, length)
  }
  if (start > end) throw outOfRange(`[${start}:${end}]`)
  return sliceBytes(text, start, end)
}

function repeat(text: string, count: number): string {
  if (count < 0) throw new FunctionError('strings: negative Repeat count')
  checkTextLength(text.length * count)
  return text === '' ? '' : text.repeat(count)
}

function indent(width: number, text: string): string {
  const pad = repeat(' ', width)
  return pad + replace(text, { old: '\n', by: `\n${pad}`, count: -1 })
}

/** Replaces the first `count` places, or all for a negative count; an empty `old` is everywhere. */
function replace(
  text: string,
  { old, by, count }: { readonly old: string; readonly by: string; readonly count: number },
): string {
  const parts = old === '' ? ['', ...text, ''] : text.split(old)
  const placeCount = parts.length - 1
  const done = count < 0 ? placeCount : Math.min(count, placeCount)
  if (done === 0) return text
  checkTextLength(text.length + done * (by.length - old.length))
  if (done === placeCount) return parts.join(by)
  return parts.slice(0, done + 1).join(by) + old + parts.slice(done + 1).join(old)
}

function initials(text: string): string {
  let result = ''
  let isAfterSpace = true
  for (const char of text) {
    if (!isSpace(char) && isAfterSpace) result += char
    isAfterSpace = isSpace(char)
  }
  return result
}

function abbreviate(
  text: string,
  { offset, width }: { readonly offset: number; readonly width: number },
): string {
  const length = byteLength(text)
  if (length <= width) return text
  const start = Math.min(offset, length - (width - 3))
  if (start <= 4) return `${sliceBytes(text, 0, width - 3)}...`
  if (start + width - 3 >= length) return `...${sliceBytes(text, length - (width - 3), length)}`
  // What is left is abbreviated in turn, to the width without the dots in front.
  const rest = sliceBytes(text, start, length)
  return `...${abbreviate(rest, { offset: 0, width: width - 3 })}`
}

/** Breaks lines at spaces. Widths count bytes, so the text is taken as one character per byte. */
function wrap(
  text: string,
  options: { readonly width: number; readonly newline: string; readonly cutsWords: boolean },
): string {
  const bytes = encodeGoText(text).toString('latin1')
  const newline = encodeGoText(options.newline || '\n').toString('latin1')
  const width = Math.max(options.width, 1)
  checkTextLength(bytes.length + Math.ceil(bytes.length / width) * newline.length)
  let result = ''
  let at = 0
  while (bytes.length - at > width) {
    if (bytes[at] === ' ') {
      at++
      continue
    }
    const space = bytes.lastIndexOf(' ', at + width)
    if (space >= at) {
      result += bytes.slice(at, space) + newline
      at = space + 1
    } else if (options.cutsWords) {
      result += bytes.slice(at, at + width) + newline
      at += width
    } else {
      const next = bytes.indexOf(' ', at + width)
      if (next < 0) break
      result += bytes.slice(at, next) + newline
      at = next + 1
    }
  }
  return decodeGoText(Buffer.from(result + bytes.slice(at), 'latin1'))
}

function joinQuoted(values: readonly Value[], print: (value: Value) => string): string {
  const text = values
    .filter(value => value !== null)
    .map(print)
    .join(' ')
  checkTextLength(text.length)
  return text
}
