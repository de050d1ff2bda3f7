import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { tailRecordKeysMax } from '../../src/limits.ts'
import { TailRecord } from '../../src/tail/tail-record.ts'
import { createTestLogger } from '../harness.ts'

/** Opens the records of successive processes, none of which gets a chance to end cleanly. */
function open(t: Test) {
  const path = join(t.testdir(), 'tails.json')
  const { logger, messages } = createTestLogger()
  const next = (sent: number) => new TailRecord({ path, sent, logger })
  return { path, next, messages }
}

test('TailRecord passes on to the next process what was open, and what was sent', t => {
  const { next } = open(t)
  const first = next(7)
  t.same(first.interrupted, [])
  t.equal(first.claim('a'), undefined)
  for (const key of ['a', 'a', 'b', 'c']) first.open(key)
  first.close('b')
  first.close('never opened')
  first.sent(12)
  first.sent(11)
  const second = next(20)
  t.same(second.interrupted, [12, 12])
  t.same(
    ['a', 'a', 'a', 'b', 'c', 'c'].map(key => second.claim(key)),
    [12, 12, undefined, undefined, 12, undefined],
  )
  t.same(second.interrupted, [12, 12, 12], 'they have not received what they missed')
  for (const key of ['a', 'a', 'b']) second.open(key)
  t.same(second.interrupted, [12])
  second.open('c')
  t.same(second.interrupted, [])
  t.end()
})

test('TailRecord keeps what a tail missed if it is killed while it resumes', t => {
  const { next } = open(t)
  const first = next(1)
  first.open('a')
  first.open('a')
  first.open('b')
  const second = next(5)
  t.same([second.claim('a'), second.claim('a')], [1, 1])
  second.open('a')
  second.sent(6)
  const third = next(7)
  t.same([third.claim('a'), third.claim('a'), third.claim('a')], [1, 1, undefined])
  t.end()
})

test('TailRecord keeps tails that have not returned across another kill', t => {
  const { next } = open(t)
  const first = next(1)
  first.open('here')
  first.open('gone')
  first.sent(5)
  next(9)
  const third = next(10)
  third.claim('here')
  third.open('here')
  third.sent(30)
  const fourth = next(30)
  t.equal(fourth.claim('gone'), 5)
  t.equal(fourth.claim('here'), 30)
  fourth.forgetInterrupted()
  const fifth = next(40)
  fifth.forgetInterrupted()
  t.same(next(41).interrupted, [])
  t.end()
})

test('TailRecord counts commits that nobody waited for as sent', t => {
  const { next } = open(t)
  const first = next(1)
  first.sent(8)
  first.open('a')
  t.equal(next(9).claim('a'), 8)
  t.end()
})

test('TailRecord changes nothing after its end', t => {
  const { next } = open(t)
  const first = next(1)
  first.open('a')
  first.sent(2)
  first.end()
  first.sent(3)
  first.close('a')
  t.equal(next(9).claim('a'), 2)
  t.end()
})

test('TailRecord ignores an unreadable file', t => {
  const { path, next, messages } = open(t)
  for (const text of ['', '{"sent":"0000', '{"sent":"1"}', 'null', '{"sent":"1","tails":[7]}']) {
    writeFileSync(path, text)
    const record = next(3)
    t.equal(record.claim('a'), undefined, text)
    record.open('a')
    t.equal(next(4).claim('a'), 3, 'and writes a good one')
    rmSync(path)
  }
  t.ok(messages().length > 0)
  for (const message of messages()) {
    t.equal(message, 'cannot read which live tails were open: they start as new ones')
  }
  t.end()
})

test('TailRecord leaves no old record when it cannot write', t => {
  const { path, next, messages } = open(t)
  const record = next(1)
  record.open('a')
  // Blocks the path of the new file.
  mkdirSync(`${path}.new`)
  record.open('b')
  t.notOk(existsSync(path), 'entries would be shown twice')
  record.sent(5)
  t.same(messages(), [
    'cannot record which live tails are open: after a restart they start as new ones',
  ])
  rmSync(`${path}.new`, { recursive: true })
  record.open('c')
  const after = next(9)
  t.same(
    ['a', 'b', 'c'].map(key => after.claim(key)),
    [5, 5, 5],
  )
  t.end()
})

test('TailRecord limits the number of recorded queries', t => {
  const { path, next } = open(t)
  const record = next(1)
  for (let i = 0; i < tailRecordKeysMax + 5; i++) record.open(String(i))
  record.open('0')
  const { tails } = JSON.parse(readFileSync(path, 'utf8')) as { tails: { count: number }[] }
  t.equal(tails.length, tailRecordKeysMax)
  t.equal(tails[0]!.count, 2)
  // A tail that was not recorded is not removed.
  record.close(String(tailRecordKeysMax + 1))
  t.end()
})
