// Functions that turn words into identifiers, one row each.

import { isSpace, lowerCharacter, toLower, upperCharacter } from '../../text/letter-case.ts'
import { fn } from '../function.ts'
import { checkTextLength } from '../print.ts'

export const wordFormFunctions = {
  snakecase: fn(['string'], text => joinWords(text, '_')),
  kebabcase: fn(['string'], text => joinWords(text, '-')),
  camelcase: fn(['string'], toPascalCase),
}

type WordKind = 'connector' | 'punctuation' | 'upper' | 'letters' | 'number' | 'other'

interface Word {
  readonly kind: WordKind
  readonly text: string
}

const connector =
  '[\\-_\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
// Letters except Chinese characters, which are separate words.
const letter = '[\\p{L}--\\p{Script=Han}]'
const lowerLetter = '[[\\p{L}--\\p{Lu}]--\\p{Script=Han}]'
// The last of several capitals belongs to the letters after it: HTTPServer is HTTP and Server.
const wordPattern = new RegExp(
  [
    `(?<connector>${connector}+)`,
    '(?<punctuation>\\p{P}+)',
    `(?<upper>\\p{Lu}${lowerLetter}+|\\p{Lu}+(?=\\p{Lu}${lowerLetter})|\\p{Lu}+)`,
    `(?<letters>${letter}${lowerLetter}*)`,
    '(?<number>\\p{N}+)',
    '(?<other>[^\\p{P}\\p{N}])',
  ].join('|'),
  'gv',
)

function wordsOf(text: string): Word[] {
  const words: Word[] = []
  for (const match of text.matchAll(wordPattern)) {
    const [kind, found] = Object.entries(match.groups!).find(([, part]) => part !== undefined)!
    const previous = words.at(-1)
    if (kind === 'other' && previous?.kind === 'other') {
      words[words.length - 1] = { kind: 'other', text: previous.text + found }
    } else {
      words.push({ kind: kind as WordKind, text: found! })
    }
  }
  return words
}

/**
 * Writes words in lower case, joined by one character. A number belongs to the word before it (`Bld4Floor`:
 * `bld4_floor`), or to the lower-case letters after it (`HTTP2xx`: `http_2xx`).
 */
function joinWords(text: string, joint: string): string {
  const words = wordsOf(text)
  let result = ''
  const write = ({ kind, text: word }: Word) => {
    if (kind === 'connector') result += joint.repeat([...word].length)
    else result += kind === 'upper' ? toLower(word) : word
  }
  /** Adds the separator before a word that needs one. */
  const join = (next: Word | undefined) => {
    if (next && next.kind !== 'connector' && next.kind !== 'punctuation') result += joint
  }
  /** Writes numbers and lower-case letters from an index on, and returns the index after them. */
  const writeTail = (from: number): number => {
    let at = from
    while (words[at]?.kind === 'letters' || words[at]?.kind === 'number') write(words[at++]!)
    return at
  }
  for (let at = 0; at < words.length; ) {
    const word = words[at]!
    const next = words[at + 1]
    write(word)
    at++
    if (word.kind === 'connector' || word.kind === 'punctuation') continue
    if (word.kind === 'number') {
      at = writeTail(at)
      join(words[at])
    } else if (next?.kind !== 'number') {
      join(next)
    } else if (words[at + 1]?.kind === 'letters') {
      result += joint
      at = writeTail(at)
      join(words[at])
    } else {
      write(next)
      at++
      join(words[at])
    }
  }
  checkTextLength(result.length)
  return result
}

function toPascalCase(text: string): string {
  const characters = [...text]
  const isConnector = (char: string | undefined) =>
    char !== undefined && (char === '-' || char === '_' || isSpace(char))
  const start = characters.findIndex(char => !isConnector(char))
  if (start < 0) return text
  let result = characters.slice(0, start).join('')
  let isWordUpper = /\p{Lu}/u.test(characters[start]!)
  let pending = upperCharacter(characters[start]!)
  for (const char of characters.slice(start + 1)) {
    const isUpper = /\p{Lu}/u.test(char)
    if (isConnector(char) && isConnector(pending)) {
      result += pending
      continue
    }
    let shown = char
    if (isConnector(pending)) {
      isWordUpper = isUpper
      shown = upperCharacter(char)
    } else {
      // A capital after a capital is part of the same word: HTTPServer is Httpserver.
      if (isWordUpper && isUpper) shown = lowerCharacter(char)
      else isWordUpper = false
      result += pending
    }
    pending = shown
  }
  return result + pending
}
