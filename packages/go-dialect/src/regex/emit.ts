// Writes a pattern tree as JavaScript source, for the `u` flag or for text with one character per UTF-8 byte
// (latin1). The sets in the tree already include the pattern's flags. JavaScript's i, m and s are never
// used, because they differ from RE2's.

import { type CharSet, charSetHas, maxCodePoint, negateCharSet, rangesOf } from './char-set.ts'
import { hasAssertion, hexEscape, type RegexNode } from './syntax.ts'

const assertions = {
  textStart: '^',
  textEnd: '$',
  lineStart: '(?<![^\\n])',
  lineEnd: '(?![^\\n])',
  word: '\\b',
  notWord: '\\B',
} as const

/** Writes JavaScript source for the `u` flag. */
export function emitUnicode(node: RegexNode): string {
  return emit(node, char => char.classText ?? unicodeClass(char.set), assertions)!
}

/** Source for a search over many lines, and how it treats lines that contain `\n`. */
export interface LineBytesSource {
  readonly source: string
  /** A match in such a line may be wrong: the end of a line was taken for the end of the text. */
  readonly hasTextAnchor: boolean
  /** A match in such a line may be missed: the pattern could have matched the `\n`. */
  readonly dropsNewline: boolean
}

/**
 * Writes JavaScript source for a block of lines as latin1 text. No match crosses lines. Returns `undefined`
 * if bytes cannot replace characters.
 */
export function emitLineBytes(node: RegexNode): LineBytesSource | undefined {
  const lineAssertions = {
    ...assertions,
    textStart: '(?<![^\\n])',
    textEnd: '(?![^\\n])',
  }
  let dropsNewline = false
  const source = emit(
    node,
    (char, isInLoop) => {
      dropsNewline ||= charSetHas(char.set, 0x0a)
      return byteClass(char, isInLoop)
    },
    lineAssertions,
  )
  return source === undefined
    ? undefined
    : { source, hasTextAnchor: hasTextAnchor(node), dropsNewline }
}

function hasTextAnchor(node: RegexNode): boolean {
  return hasAssertion(node, kind => kind === 'textStart' || kind === 'textEnd')
}

type CharNode = Extract<RegexNode, { kind: 'char' }>
type EmitChar = (node: CharNode, isInLoop: boolean) => string | undefined

function emit(
  node: RegexNode,
  emitChar: EmitChar,
  asserted: Readonly<Record<keyof typeof assertions, string>>,
  isInLoop = false,
): string | undefined {
  switch (node.kind) {
    case 'empty':
      return '(?:)'
    case 'assert':
      return `(?:${asserted[node.assertion]})`
    case 'char':
      return emitChar(node, isInLoop)
    case 'group': {
      const body = emit(node.body, emitChar, asserted)
      return body === undefined ? undefined : `(${body})`
    }
    case 'concat': {
      let text = ''
      for (const part of node.parts) {
        const piece = emit(part, emitChar, asserted)
        if (piece === undefined) return undefined
        text += part.kind === 'alternate' || part.kind === 'concat' ? `(?:${piece})` : piece
      }
      return text
    }
    case 'alternate': {
      const branches: string[] = []
      for (const branch of node.branches) {
        const piece = emit(branch, emitChar, asserted)
        if (piece === undefined) return undefined
        branches.push(piece)
      }
      return branches.join('|')
    }
    case 'repeat': {
      const isLoop = node.max === Number.POSITIVE_INFINITY && node.body.kind === 'char'
      const body = emit(node.body, emitChar, asserted, isLoop)
      if (body === undefined) return undefined
      return `(?:${body})${quantifier(node.min, node.max)}${node.isGreedy ? '' : '?'}`
    }
  }
}

function quantifier(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  if (min === 0 && max === 1) return '?'
  return min === max ? `{${min}}` : `{${min},${max}}`
}

function unicodeClass(set: CharSet): string {
  if (set.length === 2 && set[0] === set[1]) return hexEscape(set[0]!)
  return classText(set, maxCodePoint, hexEscape)
}

function classText(set: CharSet, max: number, write: (code: number) => string): string {
  const isMostly = set.length > 0 && set.at(-1) === max
  const ranges = rangesOf(isMostly ? negateCharSet(set).filter(code => code <= max) : set)
  const inside = ranges.map(([low, high]) =>
    low === high ? write(low) : `${write(low)}-${write(high)}`,
  )
  return `[${isMostly ? '^' : ''}${inside.join('')}]`
}

function byteEscape(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`
}

// Writes a set as UTF-8 bytes. ASCII members are single bytes. Members beyond ASCII must be few (each is
// written as its bytes), or all of them inside a loop that takes any number of bytes. Newlines are never
// included, because a match must not cross lines.
function byteClass(node: CharNode, isInLoop: boolean): string | undefined {
  if (node.classText !== undefined) return undefined
  const ascii: number[] = []
  const others: [number, number][] = []
  for (const [low, high] of rangesOf(node.set)) {
    if (low < 0x80) ascii.push(low, Math.min(high, 0x7f))
    if (high >= 0x80) others.push([Math.max(low, 0x80), high])
  }
  if (charSetHas(ascii, 0x0a)) {
    const kept = rangesOf(ascii).flatMap(([low, high]): number[] => {
      if (low > 0x0a || high < 0x0a) return [low, high]
      return [...(low < 0x0a ? [low, 0x09] : []), ...(high > 0x0a ? [0x0b, high] : [])]
    })
    ascii.splice(0, ascii.length, ...kept)
  }
  if (others.length === 0)
    return ascii.length === 2 && ascii[0] === ascii[1]
      ? byteEscape(ascii[0]!)
      : classText(ascii, 0xff, byteEscape)
  const [low, high] = others[0]!
  if (others.length === 1 && low === 0x80 && high === maxCodePoint) {
    if (!isInLoop) return undefined
    return classText([...ascii, 0x80, 0xff], 0xff, byteEscape)
  }
  const count = others.reduce((sum, range) => sum + range[1] - range[0] + 1, 0)
  if (count > 8) return undefined
  const branches = ascii.length > 0 ? [classText(ascii, 0xff, byteEscape)] : []
  for (const [first, last] of others) {
    for (let code = first; code <= last; code++) {
      const bytes = Buffer.from(String.fromCodePoint(code), 'utf8')
      branches.push([...bytes].map(byteEscape).join(''))
    }
  }
  return `(?:${branches.join('|')})`
}
