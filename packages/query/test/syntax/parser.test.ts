import { test } from 'tap'
import { LogqlKindError, LogqlSyntaxError } from '../../src/errors.ts'
import { parseLogql, parseMatchers, parseSelector } from '../../src/syntax/parser.ts'
import { formatLogql } from '../../src/syntax/printer.ts'

test('parseLogql reads every form of a log query', async t => {
  const f = (query: string, want: string) => t.equal(formatLogql(parseLogql(query)), want, query)
  f('{a="b"}', '{a="b"}')
  f('{a="b", c=~`d.*`, e!="f", g!~"h"}', '{a="b", c=~"d.*", e!="f", g!~"h"}')
  f('({a="b"})', '{a="b"}')
  f('{a="b"} # comment\n |= "x"', '{a="b"} |= "x"')
  f('{a="b"} // comment', '{a="b"}')
  f('{a="b"} /* more */ |= "x"', '{a="b"} |= "x"')
  f('{a="b"}|="x" or "y" or ip("1.2.3.4")', '{a="b"} |= "x" or "y" or ip("1.2.3.4")')
  f('{a="b"} |> "<_>x" !> "y"', '{a="b"} |> "<_>x" !> "y"')
  f('{a="b"} | JSON | Logfmt', '{a="b"} | json | logfmt')
  f('{a="b"} | json x, y="z[0]"', '{a="b"} | json x="x",y="z[0]"')
  f('{a="b"} | logfmt --keep-empty --strict x', '{a="b"} | logfmt --strict --keep-empty x="x"')
  f('{a="b"} | regexp "(?P<x>.)" | pattern "<x>"', '{a="b"} | regexp "(?P<x>.)" | pattern "<x>"')
  f('{a="b"} | unpack | decolorize', '{a="b"} | unpack | decolorize')
  f('{a="b"} | line_format "{{.x}}"', '{a="b"} | line_format "{{.x}}"')
  f('{a="b"} | label_format x=y, z="{{.y}}"', '{a="b"} | label_format x=y,z="{{.y}}"')
  f('{a="b"} | drop x, y=~"z" | keep w', '{a="b"} | drop x,y=~"z" | keep w')
  f('{a="b"} | x = 5 | y == -1.5 | z >= +2', '{a="b"} | x==5 | y==-1.5 | z>=2')
  f('{a="b"} | x > 1h30m | y < -5m | z != 1.5s', '{a="b"} | x>1h30m0s | y<-5m0s | z!=1.5s')
  f('{a="b"} | x > 5MB | y < 10 | z = 1KiB', '{a="b"} | x>5000000B | y<10 | z==1000B')
  f('{a="b"} | x=ip("1.2.3.0/24") | ip!="x"', '{a="b"} | x=ip("1.2.3.0/24") | ip!="x"')
  f('{a="b"} | rate="x" | sum=1', '{a="b"} | rate="x" | sum==1')
  f('{a="b"} | x > 0x1F | y < 0b1_1 | z == 0o17', '{a="b"} | x>31 | y<3 | z==15')
  f('{a="b"} | x > 0x1p8 | y < 1_000 | z == 017', '{a="b"} | x>256 | y<1000 | z==17')
})

test('Label filters bind like in Loki: and before or, a comma joins with everything after it', async t => {
  const f = (filter: string, want: string) =>
    t.equal(formatLogql(parseLogql(`{a="b"} | ${filter}`)), `{a="b"} | ${want}`, filter)
  f('a=1 and b=2 or c=3', '( ( a==1 , b==2 ) or c==3 )')
  f('a=1 or b=2 and c=3', '( a==1 or ( b==2 , c==3 ) )')
  f('a=1, b=2 or c=3', '( a==1 , ( b==2 or c==3 ) )')
  f('a=1 b=2 or c=3', '( a==1 , ( b==2 or c==3 ) )')
  f('(a=1 or b=2), c=3', '( ( a==1 or b==2 ) , c==3 )')
  f('a=1 or b=2, c=3', '( a==1 or ( b==2 , c==3 ) )')
})

test('parseLogql reads every form of a metric query', async t => {
  const f = (query: string, want: string) => t.equal(formatLogql(parseLogql(query)), want, query)
  f('rate({a="b"}[5m])', 'rate({a="b"}[5m])')
  f('RATE(({a="b"} | json)[1d])', 'rate({a="b"} | json[1d])')
  f('rate({a="b"}[5m] | json)', 'rate({a="b"} | json[5m])')
  f('rate(({a="b"}[5m] offset 1h))', 'rate({a="b"}[5m] offset 1h0m0s)')
  f('rate({a="b"}[5m] offset -1h | json)', 'rate({a="b"} | json[5m] offset -1h0m0s)')
  f(
    'sum_over_time({a="b"} | unwrap duration(x) | __error__="" [5m])',
    'sum_over_time({a="b"} | unwrap duration(x) | __error__=""[5m])',
  )
  f('sum_over_time({a="b"}[5m] | unwrap x)', 'sum_over_time({a="b"} | unwrap x[5m])')
  f(
    'quantile_over_time(0.9, {a="b"} | unwrap bytes [5m]) by (x)',
    'quantile_over_time(0.9,{a="b"} | unwrap bytes[5m]) by (x)',
  )
  f('sum(rate({a="b"}[5m])) by (x)', 'sum by (x)(rate({a="b"}[5m]))')
  f('sum without (x, y) (rate({a="b"}[5m]))', 'sum without (x,y)(rate({a="b"}[5m]))')
  f('topk(3, rate({a="b"}[5m]))', 'topk(3,rate({a="b"}[5m]))')
  f('sum(2 * rate({a="b"}[5m]))', 'sum((2 * rate({a="b"}[5m])))')
  f('1 + 2 * 3', '7')
  f('2 ^ 3 ^ 2', '512')
  f('1 - 2 - 3', '-4')
  f('vector(1) + vector(2) * vector(3)', '(vector(1) + (vector(2) * vector(3)))')
  f('vector(1) > bool 2', '(vector(1) > bool 2)')
  f('vector(1) / on (a) group_left (b) vector(2)', '(vector(1) / on (a) group_left (b) vector(2))')
  f('vector(1) and ignoring () vector(2)', '(vector(1) and ignoring ()  vector(2))')
  f('label_replace(vector(1), "a", "b", "c", "d")', 'label_replace(vector(1),"a","b","c","d")')
})

test('parseLogql reports line and column of errors', async t => {
  const f = (query: string, message: string) =>
    t.throws(() => parseLogql(query), { message }, query)
  f('', 'parse error : syntax error: unexpected $end')
  f(' ', 'parse error at line 1, col 2: syntax error: unexpected $end')
  f('{a="b"}\n| json |', 'parse error at line 2, col 9: syntax error: unexpected $end')
  f('{a="é"} foo', 'parse error at line 1, col 9: syntax error: unexpected IDENTIFIER')
  f("{a='bc'}", 'parse error at line 1, col 4: invalid char literal')
  f('{a="b"} /* x', 'parse error at line 1, col 9: comment not terminated')
  f('rate({a="b"}[5x])', 'parse error at line 0, col 13: unknown unit "x" in duration "5x"')
  f(
    '{a="b"} |~ "("',
    'parse error : stage \'|~ "("\' : error parsing regexp: missing closing ): `(`',
  )
  f(
    '{a="b"} | line_format "{{"',
    'parse error : stage \'| line_format "{{"\' : invalid line template: template: line:1: unclosed action',
  )
  f('sum(3, rate({a="b"}[5m]))', 'parse error : unsupported parameter for operation sum(3,')
  f('0b', 'parse error at line 1, col 1: binary literal has no digits')
})

test('parseLogql rejects texts that are too long or too deep', async t => {
  const long = `{a="${'x'.repeat(140_000)}"}`
  t.throws(() => parseLogql(long), { message: /input size too long \(\d+ > 131072\)/ })
  t.throws(() => parseLogql('('.repeat(50_000)), LogqlSyntaxError)
  t.throws(() => parseLogql(`{a="b"} | ${'('.repeat(50_000)}`), LogqlSyntaxError)
  t.throws(() => parseLogql(`{a="b"} |= "x" ${'or "x" '.repeat(9_000)} or`), LogqlSyntaxError)
  t.throws(() => parseLogql(`vector(1)${' or vector(1)'.repeat(8_000)}`), LogqlSyntaxError)
  t.throws(() => parseLogql(`{a="b"} | x=1${' or x=1'.repeat(15_000)}`), LogqlSyntaxError)
  t.throws(() => parseLogql(`rate(${'('.repeat(60_000)}`), LogqlSyntaxError)
  t.throws(() => parseLogql('/*'.repeat(60_000)), LogqlSyntaxError)
  const costly = 'x{1000}'.repeat(9)
  const filters = (count: number) => ` |~ "${costly}"`.repeat(count)
  t.ok(parseLogql(`{a="b"}${filters(2)}`))
  const together = {
    message: `parse error : error parsing regexp: expressions of the query are too large together: \`${costly}\``,
  }
  t.throws(() => parseLogql(`{a="b"}${filters(3)}`), together)
  t.throws(() => parseLogql(`{a=~"${costly}"}${filters(2)}`), together)
  const unwrapped = `sum_over_time({a="b"} | unwrap c | d=~"${costly}" [1m])`
  t.throws(() => parseLogql([unwrapped, unwrapped, unwrapped].join(' + ')), together)
  t.throws(() => parseLogql(`{a="b"} | json | drop c=~"${costly}"${filters(2)}`), together)
  t.throws(() => parseLogql(`{a="b"} | c=~"${costly}" or c!~"${costly}"${filters(1)}`), together)
  const list = Array.from({ length: 12_000 }, (_, i) => `app-${i}`).join('|')
  t.ok(parseLogql(`{app=~"${list}"}${filters(2)}`))
})

test('parseSelector accepts only selectors', async t => {
  t.same(parseSelector('{a="b"}'), [{ name: 'a', op: '=', value: 'b' }])
  t.throws(() => parseSelector('{a="b"} | json'), LogqlKindError)
  t.throws(() => parseSelector('rate({a="b"}[5m])'), {
    message: 'only label matchers are supported',
  })
  t.throws(() => parseSelector('{}'), LogqlSyntaxError)
  t.same(parseMatchers('{}'), [])
})
