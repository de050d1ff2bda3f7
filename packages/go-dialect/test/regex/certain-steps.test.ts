import fc from 'fast-check'
import { test } from 'tap'
import { certainStepsOf, type RegexStep } from '../../src/regex/certain-steps.ts'
import { charSetHas } from '../../src/regex/char-set.ts'
import { compileRegex } from '../../src/regex/regex.ts'

const certain = [
  'a',
  '"([A-Z]+) (\\S+) [^"]*" (\\d{3}) ',
  '^(\\w+)=(\\w*)$',
  '(\\d+)ms',
  'x?(y*)z',
  '[^=]*=(.{2})',
  '(a*?)b',
  '(?i)level=(\\w+)',
  '(\\d{2})(\\d+)',
  '((a+)b)(c?)',
  'a*',
  '^$',
  'é?a',
]

test('a pattern without a choice becomes steps', async t => {
  for (const pattern of certain) t.ok(certainStepsOf(pattern), pattern)
  const uncertain = [
    ...['a|b', '.*x', '(a)*', '(?:ab)+', '\\ba', '(?m)^a', '(?m)a$', 'a$b?', '(\\d+)1', '\\d*\\w'],
    ...['(a*?)', 'a*?b?', 'a*b*a', '\\pL+', 'a^b'],
  ]
  for (const pattern of uncertain) t.notOk(certainStepsOf(pattern), pattern)
})

// Runs steps at every place of a text. Returns the groups, like `exec`.
function search(pattern: string, text: string): (string | undefined)[] | undefined {
  const { steps, isAtStart } = certainStepsOf(pattern)!
  for (let start = 0; start <= (isAtStart ? 0 : text.length); start++) {
    const groups = run(steps, text, start)
    if (groups) return groups
  }
  return undefined
}

function run(steps: readonly RegexStep[], text: string, start: number) {
  const groups: (string | undefined)[] = []
  const starts: number[] = []
  let at = start
  for (const step of steps) {
    if (step.kind === 'groupStart') starts[step.index] = at
    else if (step.kind === 'groupEnd') groups[step.index] = text.slice(starts[step.index], at)
    else if (step.kind === 'textEnd') {
      if (at < text.length) return undefined
    } else if (step.kind === 'chars') {
      const { set, min, max } = step
      const from = at
      while (at < text.length && at - from < max && charSetHas(set, text.charCodeAt(at))) at++
      if (at - from < min) return undefined
    }
  }
  groups[0] = text.slice(start, at)
  return groups
}

test('steps find what the pattern finds', async t => {
  const text = fc
    .array(fc.constantFrom(...'abcxyz0123=" MS\n', '"GET /a b" 200 ', 'LEVEL=', 'ms'), {
      maxLength: 14,
    })
    .map(parts => parts.join(''))
  let foundCount = 0
  fc.assert(
    fc.property(fc.constantFrom(...certain), text, (pattern, line) => {
      const expected = compileRegex(pattern).exec(line)
      const groups = search(pattern, line)
      if (expected) foundCount++
      return JSON.stringify(groups) === JSON.stringify(expected && [...expected.groups])
    }),
    { numRuns: 20_000, seed: 5 },
  )
  t.ok(foundCount > 5000, `${foundCount} texts match`)
})
