import { createLabelSet, labelValue } from '@skald/wire'
import { test } from 'tap'
import { addDetectedLevels, defaultLogLevelFields } from '../../src/ingest/detected-level.ts'
import { LevelFields } from '../../src/ingest/line-level.ts'
import { lineOffsets } from '../../src/segment/columns.ts'

const fields = new LevelFields(defaultLogLevelFields)

/** Level of one line. */
function levelOf(
  line: string,
  labels: Record<string, string> = {},
  metadata: Record<string, string> = {},
): string {
  const bytes = Buffer.from(`before\n${line}\nerror after\n`)
  const lengths = Uint32Array.from([6, Buffer.byteLength(line), 11])
  const column = { sets: [createLabelSet(metadata)], rowSets: new Uint32Array(3) }
  const lines = { bytes, offsets: lineOffsets(lengths), lengths }
  const leveled = addDetectedLevels(createLabelSet(labels), column, () => lines, fields)
  return labelValue(leveled.sets[leveled.rowSets[1]!]!, 'detected_level')
}

test('levels of JSON lines', async t => {
  const f = (line: string, want: string) => t.equal(levelOf(line), want, line)
  f('{"level":"warn","msg":"x"}', 'warn')
  f('  {"msg":"x","LEVEL":"ERR"}  ', 'error')
  f('{"severity":"Critical"}', 'critical')
  f('{"lvl":"dbg","level":"trc"}', 'trace')
  f('{"nested":{"level":"error"},"msg":"x"}', 'error')
  f('{"nested":{"level":"fatal"},"lvl":"info"}', 'info')
  f('{"list":["level","fatal"],"lvl":"warning"}', 'warn')
  f('{"a":"level","lvl":"inf"}', 'info')
  f('{"text":"with \\"level\\": fatal","x":1}', 'unknown')
  f('{"level":30,"msg":"x"}', 'unknown')
  f('{"level":"none","msg":"an error"}', 'error')
  f('{}', 'unknown')
})

test('levels of logfmt lines', async t => {
  const f = (line: string, want: string) => t.equal(levelOf(line), want, line)
  f('level=info msg=x', 'info')
  f('msg="level=fatal" LVL=WRN', 'warn')
  f('ts=1 SeVeRiTy="error" msg=x', 'error')
  f('lvl=debug level=warn', 'warn')
  f('level= msg=x', 'unknown')
  f('level=verbose msg=x', 'unknown')
  f('a=b', 'unknown')
})

test('levels of words', async t => {
  const f = (line: string, want: string) => t.equal(levelOf(line), want, line)
  f('some information', 'info')
  f('an error and some INFO', 'info')
  f('ERROR here', 'error')
  f('err: x', 'error')
  f('Error here', 'unknown')
  f('warn: x', 'warn')
  f('WARN x', 'unknown')
  f('WARNING x', 'warn')
  f('critical: x', 'critical')
  f('debug: x', 'debug')
  f('debug x', 'unknown')
  f('', 'unknown')
})

test('words are found wherever they stand, fields behind other pairs', async t => {
  const words = { info: 'info', 'err:': 'error', error: 'error', 'warn:': 'warn' }
  const more = { warning: 'warn', 'critical:': 'critical', 'debug:': 'debug' }
  for (const [word, level] of Object.entries({ ...words, ...more })) {
    for (let before = 0; before < 8; before++) {
      for (let after = 0; after < 4; after++) {
        const line = 'x'.repeat(before) + word + 'y'.repeat(after)
        t.equal(levelOf(line), level, line)
        t.equal(levelOf(line.toUpperCase()), level, line.toUpperCase())
      }
    }
    t.equal(levelOf(word.slice(0, -1)), 'unknown', 'a word that is cut')
  }
  t.equal(levelOf('GET /?page=2&total=9 lvl=warn'), 'warn')
  t.equal(levelOf('GET /?page=2 total=9'), 'unknown', 'a key that only ends like one')
  t.equal(levelOf('=level info'), 'info')
})

test('labels come first, then metadata, as they are written', async t => {
  t.equal(levelOf('level=error', { level: 'WARN' }), 'WARN')
  t.equal(levelOf('level=error', { app: 'x' }, { severity: 'Odd' }), 'Odd')
  t.equal(levelOf('level=error', { level: 'a' }, { level: 'b' }), 'a')
  const f = (number: string, want: string) =>
    t.equal(levelOf('level=error', {}, { severity_number: number }), want, number)
  f('0', 'unknown')
  f('1', 'trace')
  f('8', 'debug')
  f('9', 'info')
  f('13', 'warn')
  f('17', 'error')
  f('24', 'fatal')
  f('25', 'unknown')
  f('high', 'info')
})

test('lines are not read where labels or metadata decide', async t => {
  const column = { sets: [createLabelSet({ a: '1' }), []], rowSets: Uint32Array.from([0, 1, 0]) }
  const readLines = () => {
    throw new Error('lines were read')
  }
  const leveled = addDetectedLevels(createLabelSet({ level: 'x' }), column, readLines, fields)
  t.same([...leveled.rowSets], [0, 1, 0])
  t.same(leveled.sets[0], createLabelSet({ a: '1', detected_level: 'x' }))
})
