import fc from 'fast-check'
import { test } from 'tap'
import { quoteGoString, unquoteGoBytes, unquoteGoString } from '../../src/text/go-string.ts'

test('a text is the same after quoting and unquoting', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      t.equal(unquoteGoString(quoteGoString(text)), text)
    }),
  )
  t.pass()
})

test('quoteGoString writes what strconv.Quote writes', async t => {
  const quote = (text: string, want: string) => t.equal(quoteGoString(text), want)
  quote('', '""')
  quote('plain', '"plain"')
  quote('a"b\\c', '"a\\"b\\\\c"')
  quote('\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"')
  quote('\x00\x1b\x7f', '"\\x00\\x1b\\x7f"')
  quote('값 é 😀', '"값 é 😀"')
  quote('\u00a0\u200b', '"\\u00a0\\u200b"')
})

test('unquoteGoBytes reads every escape, down to single bytes', async t => {
  const read = (literal: string, want: string | readonly number[]) =>
    t.same(unquoteGoBytes(literal), Buffer.from(want as string), literal)
  read('"a\\x00\\xff"', [0x61, 0, 0xff])
  read('"\\101\\u00e9\\U0001F600"', 'Aé😀')
  read('`raw \\n "x"`', 'raw \\n "x"')
  read('"tab\\tquote\\""', 'tab\tquote"')
})

test('unquoteGoBytes rejects invalid literals', async t => {
  for (const literal of [
    '',
    '"',
    'x',
    '"a',
    '"a\\"',
    '"\\q"',
    '"\\x1"',
    '"\\400"',
    '"\\ud800"',
    '"a\nb"',
    '"a"b"',
    '`a`b`',
    "'a'",
  ]) {
    t.throws(() => unquoteGoBytes(literal), SyntaxError, literal)
  }
})
