import { existsSync } from 'node:fs'
import { openWasmModule } from '@skald/wire/wasm-module'
import fc from 'fast-check'
import { test } from 'tap'
import type { FieldReader } from '../../src/fields/field-reader.ts'
import { SpanBatch } from '../../src/fields/span-batch.ts'
import { openSpanFinder, SpanFinder, threadSpanFinder } from '../../src/fields/span-finder.ts'
import { BlockText } from '../../src/pipeline/block-text.ts'
import { definitionOf, type Stage } from '../../src/stages/stage-table.ts'
import { parseLogQuery } from '../../src/syntax/parser.ts'
import { lineOf } from '../stages/line-of.ts'

const finder = threadSpanFinder()!
const names = ['status', 'user', 'a_b']

function stageOf(text: string): Stage {
  return parseLogQuery(`{a="b"} ${text}`).stages[0]!
}

function readerOf(stage: Stage): FieldReader {
  return definitionOf(stage).fields!(stage, { names, sampled: -1, areAll: true })!
}

function textOf(lines: readonly Buffer[]): BlockText {
  const offsets = new Uint32Array(lines.length + 1)
  for (const [i, line] of lines.entries()) offsets[i + 1] = offsets[i]! + line.length + 1
  const bytes = Buffer.concat(lines.flatMap(line => [line, Buffer.from('\n')]))
  return new BlockText({ bytes, offsets }, lines.length)
}

// Returns what the pipeline finds in a line, or `undefined` if the line has an error.
function labelsOf(stage: Stage, line: Buffer): (string | undefined)[] | undefined {
  const run = definitionOf(stage).compile(stage, { names: new Set(names), stopsEarly: true })
  const piped = lineOf(line.toString())
  run(piped)
  return piped.labels.hasError ? undefined : names.map(name => piped.labels.get(name))
}

/** Checks rows in an order. Returns how many of them the finder decided. */
function checkRows(stage: Stage, lines: readonly Buffer[], rows: readonly number[]): number {
  const reader = readerOf(stage)
  const text = textOf(lines)
  let decidedCount = 0
  for (const row of rows) {
    if (!reader.read(text, row)) continue
    decidedCount++
    const found = JSON.stringify([...reader.values.texts])
    const expected = JSON.stringify(labelsOf(stage, lines[row]!))
    if (found !== expected) {
      throw new Error(`${lines[row]!.toString('latin1')}: ${found}, expected ${expected}`)
    }
  }
  return decidedCount
}

const stages = [
  '| json',
  '| logfmt',
  '| pattern "<_> <status> \\"<user>\\"<a_b>,<_>"',
  '| pattern "{<status>:<user>}"',
  '| regexp "(?P<status>[a-z]+)=(?P<user>[^ ]*) (?P<a_b>\\\\d+)"',
  '| regexp "\\"(?P<user>\\\\w*)\\""',
  '| regexp "^(?P<status>.)(?P<user>.*)$"',
].map(stageOf)

const piece = fc.constantFrom(
  ...[
    '"',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    ' ',
    '=',
    '\\',
    '\n',
    '\t',
    'é',
    '\u2028',
    '0',
    '-1.5',
    'x',
  ],
  ...[
    '"status"',
    '"user":',
    '"a":{"b":1}',
    '"a b":',
    '"a_b":"c"',
    'status=',
    'user="j k"',
    ' a.b=1',
  ],
  ...['true', 'null', 'false', '"x":"y",', '{"status":200,', '"aVeryLongKeyThatIsNotNeeded":0.25,'],
  '"text that is longer than the sixteen bytes of a step, and than sixty-four of them in total"',
)
const line = fc.array(piece, { maxLength: 12 }).map(parts => Buffer.from(parts.join('')))
const damaged = fc
  .tuple(line, fc.nat(), fc.constantFrom(0xff, 0x80, 0x00, 0x22))
  .map(([bytes, at, code]) => {
    if (bytes.length > 0) bytes[at % bytes.length] = code
    return bytes
  })

test('batches find what the pipeline finds', async t => {
  let decidedCount = 0
  let rowCount = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...stages),
      fc.array(fc.oneof(line, line, damaged), { minLength: 1, maxLength: 90 }),
      fc.nat(9),
      (stage, lines, step) => {
        // All rows, or only some, so that batches shrink.
        const rows = lines.keys().filter(row => step < 5 || row % step === 0)
        const order = [...rows]
        decidedCount += checkRows(stage, lines, order)
        rowCount += order.length
        return true
      },
    ),
    { numRuns: 2_000, seed: 7 },
  )
  t.ok(decidedCount > rowCount / 4, `${decidedCount} of ${rowCount} rows were decided`)
})

test('batches are cut where memory ends, and readers take turns', async t => {
  const lines = Array.from({ length: 9_000 }, (_, i) =>
    Buffer.from(`{"x${i % 700}":"${'y'.repeat(i % 90)}","status":${i},"user":"u${i % 3}","a_b":1}`),
  )
  // One line alone is larger than a batch.
  lines[5000] = Buffer.from(`{"x":"${'z'.repeat(70_000)}","status":1,"user":"long","a_b":2}`)
  const json = stageOf('| json')
  const all = [...lines.keys()]
  t.equal(checkRows(json, lines, all), lines.length)
  t.equal(checkRows(json, lines, all.toReversed()), lines.length, 'from the last row on')
  const text = textOf(lines)
  const [first, second] = [readerOf(json), readerOf(stageOf('| logfmt'))]
  for (let row = 0; row < 300; row++) {
    first.read(text, row)
    t.equal(first.values.texts[0], String(row))
    second.read(text, row)
  }
})

test('more keys than there is room for, and long ones, are still told apart', async t => {
  const lines = Array.from({ length: 3_000 }, (_, i) =>
    Buffer.from(`{"status_${i}":0,"status${'s'.repeat(i % 100)}":${i},"user":"u","a_b":1}`),
  )
  t.ok(checkRows(stageOf('| json'), lines, [...lines.keys()]) > 2_000)
})

test('the WebAssembly runs, and without it lines are read one by one', async t => {
  t.ok(finder, 'it was built')
  const text = textOf([Buffer.from('status=1 user=2 a_b=3'), Buffer.from('user=4')])
  const reader = readerOf(stageOf('| logfmt'))
  t.ok(reader.read(text, 1))
  t.same([...finder.outcomes.subarray(0, 1)], [1])
  t.same([...reader.values.texts], [undefined, '4', undefined])
  const missing = new URL('../../build/missing.wasm', import.meta.url)
  t.notOk(existsSync(missing))
  t.equal(openSpanFinder(missing), undefined)
})

class CountingFinder extends SpanFinder {
  callCount = 0

  override read(...args: Parameters<SpanFinder['read']>): number {
    this.callCount++
    return super.read(...args)
  }
}

test('batches grow from row to row in both directions, and shrink where rows are far apart', async t => {
  const module = openWasmModule(new URL('../../build/field-spans.wasm', import.meta.url))!
  const lines = Array.from({ length: 4_000 }, (_, i) => Buffer.from(`x=${i}`))
  const text = textOf(lines)
  const program = {
    form: 'Pattern',
    nameCount: 1,
    countMax: 1,
    write: () => Buffer.alloc(12),
  } as const
  const callsFor = (rows: Iterable<number>) => {
    const counting = new CountingFinder(module)
    const batch = new SpanBatch(program, counting)
    for (const row of rows) if (batch.placeOf(text, row) < 0) throw new Error(`row ${row}`)
    return counting.callCount
  }
  t.equal(callsFor(lines.keys()), 6)
  t.ok(callsFor([...lines.keys()].toReversed()) < 10)
  t.equal(callsFor([0, 1000, 2000, 3000]), 4)
})
