import fc from 'fast-check'
import { RE2JS } from 're2js'
import { test } from 'tap'
import { RegexSyntaxError } from '../../src/errors.ts'
import { compileRegex } from '../../src/regex/regex.ts'

test("compileRegex rejects what RE2 rejects, with Go's texts", async t => {
  const f = (pattern: string, message: string) =>
    t.throws(() => compileRegex(pattern), { code: 'REGEX_SYNTAX', message }, pattern)
  f('(', 'error parsing regexp: missing closing ): `(`')
  f('a)', 'error parsing regexp: unexpected ): `a)`')
  f('[a', 'error parsing regexp: missing closing ]: `[a`')
  f('*', 'error parsing regexp: missing argument to repetition operator: `*`')
  f('a**', 'error parsing regexp: invalid nested repetition operator: `**`')
  f('(?=a)', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`')
  f('\\8', 'error parsing regexp: invalid escape sequence: `\\8`')
  f('a\\', 'error parsing regexp: trailing backslash at end of expression: ``')
  f('x{1001}', 'error parsing regexp: invalid repeat count: `{1001}`')
  t.throws(() => compileRegex('a)(b', { anchored: true }), RegexSyntaxError)
})

test('CompiledRegex.test finds what RE2 finds', async t => {
  const f = (pattern: string, text: string, want: boolean, anchored = false) => {
    const regex = compileRegex(pattern, { anchored })
    t.equal(regex.test(text), want, `${pattern} on ${text}`)
    t.equal(regex.testBytes(Buffer.from(text)), want, `${pattern} on the bytes of ${text}`)
  }
  f('err', 'an error', true)
  f('err', 'an Error', false)
  f('(?i)err', 'an ERROR', true)
  f('(?i)kelvin', '\u212aelvin', true)
  f('(?i)[^k]', 'k', false)
  f('(?i)é', 'É', true)
  f('a.c', 'a\nc', false)
  f('(?s)a.c', 'a\nc', true)
  f('^b$', 'a\nb', false)
  f('(?m)^b$', 'a\nb\nc', true)
  f('a$', 'a\n', false)
  f('a\\z', 'a', true)
  f('\\Qa.b\\E', 'a.b', true)
  f('\\Qa.b\\E', 'axb', false)
  f('[[:alpha:]]+\\d', 'abc1', true)
  f('\\d', '\u0663', false)
  f('\\bcat\\b', 'a cat.', true)
  f('\\pL', 'é', true)
  f('\\p{Greek}', 'e', false)
  f('^.$', '💩', true)
  f('a|b', 'xbx', false, true)
  f('a|b', 'b', true, true)
  f('.*foo.*', 'a foo b', true, true)
  f('', 'anything', true)
  f('x*', '', true)
  f('(a+)+$', `${'a'.repeat(40)}b`, false)
  f('(a|aa)+c', 'a'.repeat(50), false)
  f('a{2,3}', 'a', false)
})

test('CompiledRegex.exec returns groups like RE2', async t => {
  const f = (pattern: string, text: string, want: (string | undefined)[] | undefined) =>
    t.same(compileRegex(pattern).exec(text)?.groups.slice(), want, `${pattern} on ${text}`)
  f('(\\w+)@(\\w+)', 'to joe@example', ['joe@example', 'joe', 'example'])
  f('(a)|(b)', 'b', ['b', undefined, 'b'])
  f('(?:(a)|b)*', 'ab', ['ab', 'a'])
  f('(a*)?', 'b', ['', ''])
  f('(?U)a+', 'aaa', ['a'])
  f('x', 'y', undefined)
  t.same(compileRegex('(?P<ip>\\S+) (?:-) (?<user>\\S+)').groupNames, [undefined, 'ip', 'user'])
})

test('CompiledRegex.replaceAll fills templates like Go', async t => {
  const f = (pattern: string, text: string, template: string, want: string) =>
    t.equal(compileRegex(pattern).replaceAll(text, template), want, `${pattern} on ${text}`)
  f('b*', 'abc', 'x', 'xaxcx')
  f('(\\w)(\\d)', 'a1 b2', '$2$1', '1a 2b')
  f('(\\w)', 'a', '$1x', '')
  f('(\\w)', 'a', `$\{1}x`, 'ax')
  f('(?P<n>\\w)', 'a', '<$n>', '<a>')
  f('a', 'a', '$$', '$')
  f('a', 'a', '$', '$')
  f('a', 'b', 'c', 'b')
})

test('CompiledRegex knows the texts in every match', async t => {
  const f = (pattern: string, literals: string[], alternatives?: string[]) => {
    const regex = compileRegex(pattern)
    t.same(regex.literals, literals, pattern)
    t.same(regex.alternatives, alternatives ?? literals.slice(0, 1), pattern)
  }
  f('abc', ['abc'])
  f('ab.*cde', ['cde', 'ab'])
  f('(foo)bar', ['foobar'])
  f('(foo)?bar', ['bar'])
  f('(foo)+', ['foo'])
  f('error|warning', [], ['error', 'warning'])
  f('x(error|warning)y', ['x', 'y'], ['error', 'warning'])
})

test('CompiledRegex stays linear on patterns that explode elsewhere', async t => {
  const text = `${'a'.repeat(30_000)}!`
  for (const pattern of [
    '(a+)+$',
    '(a*)*b',
    '(a|a)*b',
    'a*a*a*a*a*b',
    '(.*)(.*)(.*)x',
    '.*.*=.*',
  ]) {
    t.equal(compileRegex(pattern).test(text), false, pattern)
  }
})

const atoms = [
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '^',
  '$',
  '\\b',
  'é',
  '\\n',
  '(?i:K)',
  '',
]
const pattern = fc.letrec(tie => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...atoms),
    fc.tuple(tie('node'), tie('node')).map(([x, y]) => `${x}${y}`),
    fc.tuple(tie('node'), tie('node')).map(([x, y]) => `(?:${x}|${y})`),
    tie('node').map(x => `(${x})`),
    fc
      .tuple(tie('node'), fc.constantFrom('*', '+', '?', '*?', '+?', '{0,2}', '{2}', '{1,}'))
      .map(([x, q]) => `(?:${x})${q}`),
  ),
})).node as fc.Arbitrary<string>
const text = fc.stringMatching(/^[abkK1é\n 💩\u212a]{0,12}$/u)

test('CompiledRegex equals RE2JS on any pattern and text', async t => {
  fc.assert(
    fc.property(pattern, text, fc.boolean(), (source, input, anchored) => {
      const regex = compileRegex(source, { anchored })
      const matcher = RE2JS.compile(anchored ? `^(?:${source})$` : source).matcher(input)
      const isFound = matcher.find()
      if (regex.test(input) !== isFound) return false
      if (regex.testBytes(Buffer.from(input)) !== isFound) return false
      const match = regex.exec(input)
      const wanted = [...regex.groupNames.keys()].filter(group => group % 2 === 1)
      const picked = regex.createPicker(wanted.toReversed()).pick(input)
      const expected = match && [0, ...wanted].map(group => match.groups[group])
      if (JSON.stringify(picked?.slice()) !== JSON.stringify(expected)) return false
      if (!isFound) return match === undefined
      const groups = Array.from(
        { length: matcher.groupCount() + 1 },
        (_, i) => matcher.group(i) ?? undefined,
      )
      return match?.index === matcher.start() && sameGroups(match.groups, groups)
    }),
    { numRuns: 1_000, seed: 3 },
  )
  t.pass('no difference')
})

test('The search over a block finds each matching line', async t => {
  const lines = fc.array(fc.stringMatching(/^[abkK1é 💩]{0,6}$/u), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(pattern, lines, (source, input) => {
      const regex = compileRegex(source)
      if (!regex.blockSearch) return true
      const found = new Set<number>()
      const block = Buffer.from(`${input.join('\n')}\n`).toString('latin1')
      const ends: number[] = []
      for (let i = 0; i < block.length; i++) if (block[i] === '\n') ends.push(i)
      for (let at = 0; at < block.length; ) {
        regex.blockSearch.regex.lastIndex = at
        const match = regex.blockSearch.regex.exec(block)
        if (!match || match.index >= block.length) break
        const row = ends.findIndex(end => end >= match.index)
        found.add(row)
        at = ends[row]! + 1
      }
      return input.every((line, row) => regex.test(line) === found.has(row))
    }),
    { numRuns: 1_000, seed: 3 },
  )
  t.pass('no difference')
})

function sameGroups(
  a: readonly (string | undefined)[],
  b: readonly (string | undefined)[],
): boolean {
  return a.length === b.length && a.every((group, i) => group === b[i])
}

test('compileRegex rejects patterns that are slow to compile', async t => {
  const refused = (pattern: string) =>
    t.throws(() => compileRegex(pattern), {
      code: 'REGEX_SYNTAX',
      message: `error parsing regexp: expression too large: \`${pattern.slice(0, 1_000)}...\``,
    })
  const taken = (pattern: string, text: string, want: boolean) => {
    const regex = compileRegex(pattern)
    t.equal(regex.test(text), want, pattern.slice(0, 40))
    t.equal(regex.testBytes(Buffer.from(text)), want)
    t.equal(regex.exec(text) !== undefined, want)
    t.ok(regex.literals)
    t.ok(regex.blockSearch === undefined || regex.blockSearch.regex.test(text) === want)
  }
  refused('x{1000}'.repeat(1_000))
  refused('((x{10}){10}){10}'.repeat(300))
  refused('a?'.repeat(65_000))
  refused('(a)'.repeat(40_000))
  refused('\\pL'.repeat(10_000))
  refused(`[${'\\pL\\PN'.repeat(1_000)}]`)
  refused(`(?i)[${'b-\u{1e900}'.repeat(1_000)}]`)
  refused(`(?i-s)[${'b-\\x{1e900}'.repeat(1_000)}]`)
  refused('(?P<'.repeat(30_000))
  t.throws(() => compileRegex('x{1000}'.repeat(30)), {
    message: `error parsing regexp: expression too large: \`${'x{1000}'.repeat(30)}\``,
  })
  taken('x{1000}', 'x'.repeat(1_000), true)
  taken(`[${'\\pL\\pN'.repeat(100)}]`, 'é', true)
  taken('\\pL{100}', 'é'.repeat(100), true)
  // Lists are cheap, however long.
  const names = Array.from({ length: 5_000 }, (_, i) => `app-${i}`)
  taken(names.join('|'), 'the app-4999', true)
  const anchored = compileRegex([...names, 'x'.repeat(90_000)].join('|'), { anchored: true })
  t.equal(anchored.test('app-77'), true)
  t.equal(anchored.testBytes(Buffer.from('app-77')), true)
  t.equal(anchored.test('app-'), false)
  t.same(anchored.exec('app-1')?.groups[0], 'app-1')
})

test('CompiledRegex keeps patterns from V8 that it cannot compile', async t => {
  // Each of these took seconds, gigabytes or all of the stack.
  const f = (pattern: string, text: string, want: boolean) => {
    const regex = compileRegex(pattern)
    t.equal(regex.test(text), want, pattern.slice(0, 40))
    t.equal(regex.exec(text) !== undefined, want)
    const { blockSearch } = regex
    t.ok(blockSearch === undefined || blockSearch.regex.test(text) === want)
  }
  f('\\b'.repeat(500), 'a b', true)
  f('(?:\\b\\B){3}'.repeat(8), 'a b', false)
  f(`(?:\\b|x)${'\\b'.repeat(30)}`, 'a b', true)
  f(`[^a]\\b${'\\pL'.repeat(114)}`, 'K💩', false)
  f(`\\b(?:${'\\pL'.repeat(4)})+`, '💩 abcé', true)
  f('a?'.repeat(5_000), 'abc', true)
  f('.*'.repeat(5_000), 'abc', true)
  f('(a)'.repeat(5_000), 'a', false)
  f('é'.repeat(15_000), 'é', false)
  f('[^a]'.repeat(8_000), 'b', false)
  f(`(?i)${'abc'.repeat(5_000)}`, 'ABC', false)
  f(`${'('.repeat(300)}a${')+'.repeat(300)}`, 'a', true)
  f(
    `[${Array.from({ length: 15_000 }, (_, i) => String.fromCodePoint(0x3400 + 2 * i)).join('')}]`,
    '\u3400',
    true,
  )
})
