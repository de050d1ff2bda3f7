import fc from 'fast-check'
import { test } from 'tap'
import { type NeededTexts, neededTexts } from '../../src/regex/needed-texts.ts'
import { compileRegex } from '../../src/regex/regex.ts'
import { parseRegex } from '../../src/regex/syntax.ts'

const needed = (pattern: string) => neededTexts(parseRegex(pattern)!.root)

/** Writes a result shortly: 'a' and 'b', i'a' without case. */
function short(texts: NeededTexts | undefined): string {
  if (!texts) return ''
  if (texts.kind === 'text') return `${texts.ignoresCase ? 'i' : ''}'${texts.text}'`
  return `(${texts.of.map(short).join(texts.kind === 'all' ? ' and ' : ' or ')})`
}

const cases: readonly (readonly [pattern: string, texts: string])[] = [
  ['error', "('error')"],
  ['^error$', "('error')"],
  ['a.*bc', "('a' and 'bc')"],
  ['con(nec)tion', "('connection')"],
  ['con(?:nec|text)tion', "('con' and (('nec') or ('text')) and 'tion')"],
  ['a(b|)c', "('a' and 'c')"],
  ['x*abc+', "('ab' and 'c')"],
  ['(ab){2,3}c?', "('ab')"],
  ['[0-9]+', ''],
  ['(?i)panic', "(i'panic')"],
  ['(?i)pan-1c', "('-1' and i'pan-1c')"],
  ['(?i)kernel', "(i'ernel')"],
  ['(?i)best', "(i'be' and i't')"],
  ['(?i:a)b', "('b' and i'ab')"],
  ['[aA]b', "('b' and i'ab')"],
  ['[ab]c', "('c')"],
  ['a|b', "((('a') or ('b')))"],
  ['a|[0-9]', ''],
  ['größe', "('größe')"],
  ['a\\x{fffd}b', "('a' and 'b')"],
]

test('every match of a pattern contains its texts', t => {
  for (const [pattern, texts] of cases) t.equal(short(needed(pattern)), texts, pattern)
  t.end()
})

/** Returns whether a text contains what is needed. */
function contains(text: string, texts: NeededTexts): boolean {
  switch (texts.kind) {
    case 'text':
      return texts.ignoresCase
        ? text.toLowerCase().includes(texts.text.toLowerCase())
        : text.includes(texts.text)
    case 'all':
      return texts.of.every(inner => contains(text, inner))
    case 'any':
      return texts.of.some(inner => contains(text, inner))
  }
}

test('random patterns match no text without what they need', t => {
  const atom = fc.constantFrom('a', 'b', 'ab', 'K', '.', '[ab]', '(?i:s)', 'x?', 'a|b', '^', 'b{2}')
  const pattern = fc
    .array(fc.tuple(atom, fc.constantFrom('', '', '+', '*', '{1,2}')), { maxLength: 6 })
    .map(parts => parts.map(([one, times]) => `(?:${one})${times}`).join(''))
  const text = fc.array(fc.constantFrom('a', 'b', 'k', 'K', 's', 'S', 'ſ', '\u212a', 'x'), {
    maxLength: 12,
  })
  let matches = 0
  fc.assert(
    fc.property(pattern, fc.boolean(), text, (source, ignoresCase, letters) => {
      const whole = ignoresCase ? `(?i)${source}` : source
      const value = letters.join('')
      const texts = needed(whole)
      if (!compileRegex(whole).test(value) || !texts) return
      matches++
      if (!contains(value, texts)) throw new Error(`${whole} matches ${value}`)
    }),
    { numRuns: 6_000, seed: 16 },
  )
  t.ok(matches > 250, `${matches} matches`)
  t.end()
})
