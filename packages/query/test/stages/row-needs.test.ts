import { test } from 'tap'
import type { Need } from '../../src/pipeline/need.ts'
import { needOf } from '../../src/stages/row-needs.ts'
import { parseLogQuery } from '../../src/syntax/parser.ts'

/** Writes what rows need shortly. */
function short(need: Need | undefined): string {
  if (!need) return ''
  switch (need.kind) {
    case 'text':
      return `${need.ignoresCase ? 'i' : ''}'${need.text}'`
    case 'metadata':
      return `${need.name}=${need.value}`
    case 'metadata-name':
      return `${need.name}=?`
    case 'stream-label':
      return `label ${need.name}`
    case 'escape':
      return 'escape'
    default:
      return `(${need.of.map(short).join(need.kind === 'all' ? ' and ' : ' or ')})`
  }
}

const cases: readonly (readonly [pipeline: string, needs: string])[] = [
  ['', ''],
  ['|= "abc"', "'abc'"],
  ['|= "abc" or "d"', "('abc' or 'd')"],
  ['|= "abc" or ""', "'abc'"],
  ['|= "abc" |= "d"', "('abc' and 'd')"],
  ['!= "abc" !~ "d" !> "e"', ''],
  ['|= ip("10.0.0.0/8")', ''],
  ['|= "x" or ip("10.0.0.0/8")', "('x' or '10.0.0.0/8')"],
  ['|~ "a(b|c)d"', "('a' and (('b') or ('c')) and 'd')"],
  ['|~ "(?i)panic"', "(i'panic')"],
  ['|~ "abc" or "[0-9]"', ''],
  ['|> "took <_> for <_>"', "('took ' and ' for ')"],
  ['| id="7"', '(label id or id=7)'],
  ['| id_extracted="7"', '(label id_extracted or id_extracted=7 or id=7)'],
  ['| id!="7" | id!~"7" | id=""', ''],
  ['| id=~"7"', '(label id or id=7)'],
  ['| id=~"(7a|8b)"', '(label id or (id=7a or id=8b))'],
  ['| id=~"7|8"', '(label id or (id=7 or id=8))'],
  ['| id=~"7a|7b"', '(label id or id=?)'],
  ['| id_extracted=~"7.*"', '(label id_extracted or id_extracted=? or id=?)'],
  ['| id=~"7|"', '(label id or id=?)'],
  ['| id=~".*"', ''],
  ['| id=~"7?"', ''],
  ['| json | id=~"ab|cd"', "(label id or (id=ab or id=cd) or (('ab' or 'cd') or escape))"],
  ['| json | id=~"ab|ac"', "(label id or id=? or (('ab' or 'ac') or escape))"],
  ['| json | id=~"a b.*"', "(label id or id=? or (('a' and 'b') or escape))"],
  ['| json | id=~"(?i)ab"', "(label id or id=? or (i'ab' or escape))"],
  ['| json | id=~"[0-9]+"', ''],
  ['| json | id=~"foo(a|b)|fox"', ''],
  ['| json | id=~"foo(a|b)"', "(label id or id=? or (('foo' and ('a' or 'b')) or escape))"],
  ['| __error__="x"', ''],
  ['| n > 5', ''],
  ['| json | id="a b-c"', "(label id or id=a b-c or (('a' and 'b-c') or escape))"],
  ['| json | id="/"', ''],
  [
    '| logfmt | id="7" or id="8"',
    "((label id or id=7 or ('7' or escape)) or (label id or id=8 or ('8' or escape)))",
  ],
  ['| logfmt | id="7" or n > 5', ''],
  ['| logfmt | id="7" and n > 5', "(label id or id=7 or ('7' or escape))"],
  ['| regexp "(?P<id>.)" | id="7" |= "x"', "((label id or id=7 or ('7' or escape)) and 'x')"],
  ['| pattern "<id> x" | id="7"', "(label id or id=7 or ('7' or escape))"],
  ['| unpack |= "x" | id="7"', "(label id or id=7 or ('7' or escape))"],
  ['| label_format id=other | id="7" |= "x"', "'x'"],
  ['| line_format "y" | id="7" |= "x"', ''],
  ['|= "z" | decolorize |= "x"', "'z'"],
  ['| json | drop id | id="7"', "(label id or id=7 or ('7' or escape))"],
]

test('rows of the result contain what the stages need', t => {
  for (const [pipeline, needs] of cases) {
    const { stages } = parseLogQuery(`{app="x"} ${pipeline}`)
    t.equal(short(needOf(stages)), needs, pipeline)
  }
  t.end()
})
