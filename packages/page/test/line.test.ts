import { test } from 'tap'
import { FieldCounter } from '../src/line/field-counts.ts'
import { fieldsOf, fieldValue, lineFields } from '../src/line/fields.ts'
import { colourRuns, piecesOf } from '../src/line/pieces.ts'
import { identityOf, type Row, rowsOf } from '../src/line/row.ts'
import { formatNs, parseInput } from '../src/line/time-text.ts'

const row = (line: string, more: Partial<Row> = {}): Row => ({
  ...{ id: 1, ns: '1700000000123456789', line, stream: { app: 'x' } },
  ...{ metadata: {}, parsed: {}, level: 'info', ...more },
})
const pairs = (line: string) => lineFields(line).map(({ name, value }) => `${name}=${value}`)

test('fields of JSON have the names of the stage json', async t => {
  t.same(pairs('{"a":{"b-c":1,"d":true},"e":[1],"f":null,"9x":"y"}'), [
    'a_b_c=1',
    'a_d=true',
    '_9x=y',
  ])
  t.same(pairs('{"broken":'), [])
  t.equal(pairs(`{${Array.from({ length: 1000 }, (_, i) => `"k${i}":1`).join()}}`).length, 300)
})

test('fields of logfmt are found in lines that are logfmt', async t => {
  t.same(pairs('level=info msg="a \\"b\\"\\n" empty='), ['level=info', 'msg=a "b"\n', 'empty='])
  t.same(pairs('just a sentence with a=1 in it that is long'), [])
  t.same(pairs('a=1'), ['a=1'])
})

test('a row has the fields of its line, metadata and labels', async t => {
  const fields = fieldsOf(row('{"a":1}', { metadata: { m: '2' }, parsed: { a: '1', p: '3' } }))
  t.same(
    fields.map(({ name, origin }) => `${origin} ${name}`),
    ['json a', 'parsed p', 'metadata m', 'label app'],
  )
  t.equal(fieldValue(row('{"a":1}'), 'a'), '1')
  t.equal(fieldValue(row('text'), 'a'), '')
})

test('ANSI colours become classes, other sequences go', async t => {
  t.same(colourRuns('a\u001b[1;31mb\u001b[0mc\u001b[2Kd\u001b[38;5;12me'), [
    { text: 'a', colour: '' },
    { text: 'b', colour: 'ansi-red ansi-bold' },
    { text: 'c', colour: '' },
    { text: 'd', colour: '' },
    { text: 'e', colour: '' },
  ])
  t.same(
    piecesOf('a\u001b[31mxbx', /x/g).map(({ text, isMatch }) => (isMatch ? `[${text}]` : text)),
    ['a', '[x]', 'b', '[x]'],
  )
})

test('rows are in the order of their times, with equal labels shared', async t => {
  const stream = (app: string, ...times: string[]) => ({
    stream: { app },
    values: times.map(ns => [ns, ns, { structuredMetadata: { detected_level: 'ERR' } }] as const),
  })
  const rows = rowsOf([stream('a', '3', '1'), stream('b', '10', '2')], 'newest')
  t.same(
    rows.map(({ ns }) => ns),
    ['10', '3', '2', '1'],
  )
  t.equal(rows[0]!.metadata, rows[1]!.metadata)
  t.equal(rows[0]!.level, 'error')
  t.same(
    rowsOf([stream('a', '3', '1')], 'oldest').map(({ ns }) => ns),
    ['1', '3'],
  )
})

test('the identity of a line does not depend on the order of its labels', async t => {
  const one = identityOf(row('x', { stream: { a: '1', b: '2' } }))
  t.equal(identityOf(row('x', { stream: { b: '2', a: '1' } })), one)
  t.not(identityOf(row('y', { stream: { b: '2', a: '1' } })), one)
})

test('times have nanoseconds, and fields of forms are read in their zone', async t => {
  t.equal(formatNs('1700000000000000009', 'utc'), '2023-11-14 22:13:20.000000009')
  t.equal(parseInput('2023-11-14T22:13:20', 'utc'), 1_700_000_000_000)
  t.equal(parseInput('nonsense', 'utc'), undefined)
  t.equal(parseInput('', 'local'), undefined)
})

test('fields are counted with their most frequent values', async t => {
  const counter = new FieldCounter()
  for (const status of [200, 200, 500]) counter.add(row(`{"status":${status}}`))
  counter.add(row('text'))
  const fields = counter.list(1)
  t.match(fields[0], { name: 'app', count: 4, distinct: 1 })
  t.match(fields[1], { name: 'status', count: 3, distinct: 2, values: [['200', 2]] })
})
