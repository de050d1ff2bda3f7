import { createLabelSet, labelValue } from '@skald/wire'
import { test } from 'tap'
import { addDetectedLevels, defaultLogLevelFields } from '../../src/levels/detected-level.ts'
import { LevelFields } from '../../src/levels/line-level.ts'
import { lineOffsets } from '../../src/segment/columns.ts'

const fields = new LevelFields(defaultLogLevelFields)

/** Returns the level of one line. */
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
  f('{"lvl":"dbg","level":"trc"}', 'debug')
  f('{"log":{"level":"wrn"},"msg":"x"}', 'warn')
  f('{"nested":{"level":"fatal"},"lvl":"info"}', 'fatal')
  f('{"a":{"b":{"level":"trc"}},"lvl":"inf"}', 'info')
  f('{"list":["level","fatal"],"lvl":"warning"}', 'warn')
  f('{"list":[{"level":"trc"}],"lvl":"wrn"}', 'warn')
  f('{"a":"level","lvl":"inf"}', 'info')
  f('{"level":"Information"}', 'info')
  f('{"text":"with \\"level\\": trc","x":1}', 'unknown')
  f('{"level":30,"msg":"x"}', 'unknown')
  f('{"level":30,"lvl":"wrn"}', 'warn')
  f('{"level":"none","msg":"an error"}', 'error')
  f('{"level":"none","lvl":"wrn"}', 'unknown')
  f('{bad,"level":"wrn"}', 'unknown')
  f('{"status":200,"referer":"https://example.org/x?level=error"}', 'unknown')
  f('{"log":"level=warn status=500"}', 'warn')
  f('{"status":200,"referer":"https://example.org/error"}', 'unknown')
  f('{}', 'unknown')
})

test('levels of logfmt lines', async t => {
  const f = (line: string, want: string) => t.equal(levelOf(line), want, line)
  f('level=info msg=x', 'info')
  f('msg="level=fatal" LVL=WRN', 'warn')
  f('ts=1 SeVeRiTy="error" msg=x', 'error')
  f('lvl=debug level=wrn', 'warn')
  f('level= msg=x', 'unknown')
  f('level lvl=wrn', 'unknown')
  f('level=verbose msg=x', 'unknown')
  f('a=b', 'unknown')
  f('a="b lvl=wrn', 'unknown')
  f('a=b=c lvl=wrn', 'unknown')
})

test('levels of words', async t => {
  const f = (line: string, want: string) => t.equal(levelOf(line), want, line)
  f('some information', 'unknown')
  f('an error and some INFO', 'error')
  f('ERROR no information available', 'error')
  f('err: x', 'error')
  f('Error here', 'error')
  f('WARN main', 'warn')
  f('[WARN] information lost', 'warn')
  f('GET /info.html 500 error', 'error')
  f('FATAL: bye', 'fatal')
  f('2026-01-01 [TRACE] x', 'trace')
  f('critical!', 'critical')
  f('level=Debug', 'debug')
  f('misc:error', 'unknown')
  f('no errors', 'unknown')
  f('terror', 'unknown')
  f('GET /x?a=1&level=error HTTP/1.1', 'unknown')
  f('', 'unknown')
})

test('words are found wherever they stand on their own, and fields after other pairs', async t => {
  const words = ['trace', 'debug', 'fatal', 'critical', 'error', 'err', 'warning', 'warn', 'info']
  for (const word of words) {
    const level = { err: 'error', warning: 'warn' }[word] ?? word
    for (let before = 0; before < 8; before++) {
      for (const right of ['', ' y', ']', '!']) {
        for (const text of [word, word.toUpperCase(), word[0]!.toUpperCase() + word.slice(1)]) {
          const left = before === 0 ? '' : `${'x'.repeat(before - 1)} `
          t.equal(levelOf(left + text + right), level, left + text + right)
        }
      }
    }
    t.equal(levelOf(word.slice(0, -1)), 'unknown', 'a word that is cut')
    t.equal(levelOf(`x${word} ${word}y`), 'unknown', 'parts of other words')
  }
  t.equal(levelOf('GET /?page=2&total=9 lvl=warn'), 'warn')
  t.equal(levelOf('GET /?page=2 total=9'), 'unknown', 'a key that only ends like one')
  t.equal(levelOf('=level info'), 'info')
})

test('a level that was sent comes first, then labels, then metadata', async t => {
  t.equal(levelOf('level=error', { level: 'WARN' }), 'warn')
  t.equal(levelOf('level=error', { app: 'x' }, { severity: 'Odd' }), 'Odd')
  t.equal(levelOf('level=error', { level: 'a' }, { level: 'b' }), 'a')
  t.equal(levelOf('level=error', { level: 'a' }, { detected_level: 'Information' }), 'info')
  const f = (number: string, want: string) =>
    t.equal(levelOf('level=error', {}, { severity_number: number }), want, number)
  f('-1', 'trace')
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

test('lines are not read if labels or metadata decide', async t => {
  const column = { sets: [createLabelSet({ a: '1' }), []], rowSets: Uint32Array.from([0, 1, 0]) }
  const readLines = () => {
    throw new Error('lines were read')
  }
  const leveled = addDetectedLevels(createLabelSet({ level: 'x' }), column, readLines, fields)
  t.same([...leveled.rowSets], [0, 1, 0])
  t.same(leveled.sets[0], createLabelSet({ a: '1', detected_level: 'x' }))
})
