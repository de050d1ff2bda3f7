import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import {
  tailResumeBytesMax,
  tailResumeCommitsMax,
  tailResumeKnownCommits,
} from '../../src/limits.ts'
import { segmentName } from '../../src/segment/name.ts'
import { MissedCommits } from '../../src/tail/missed-commits.ts'
import { TailRecord } from '../../src/tail/tail-record.ts'
import { createTestLogger } from '../harness.ts'

/** Opens the record of a process that had sent one tail everything up to a commit. */
function open(t: Test, { sent = 0, stored = [] as readonly (readonly [number, number])[] } = {}) {
  const path = join(t.testdir(), 'tails.json')
  const { logger } = createTestLogger()
  if (sent > 0) new TailRecord({ path, sent, logger }).open('a')
  const record = new TailRecord({ path, sent: 1000, logger })
  const held: string[] = []
  const segments = {
    acquire: (names: readonly string[]) => {
      held.push(...names)
      return async () => {
        for (const name of names) held.splice(held.indexOf(name), 1)
      }
    },
  }
  const infos = stored.map(([sequence, level]) => ({
    ...{ name: segmentName(sequence, level), level, sequence, sizeBytes: 10, createdMs: 0 },
  }))
  const openMissed = (waitMs?: number) =>
    new MissedCommits({ record, segments, stored: infos, ...(waitMs && { waitMs }) })
  return { record, held, openMissed }
}

const kept = (missed: MissedCommits, sent: number) =>
  missed.since(sent)?.map(({ segment, isSent }) => [Number.parseInt(segment, 10), isSent])

test('MissedCommits keeps nothing if no tail was interrupted', t => {
  const { held, openMissed } = open(t, { stored: [[1, 0]] })
  const missed = openMissed()
  missed.add(segmentName(2, 0), 10)
  t.equal(missed.since(0), undefined)
  t.same(held, [])
  t.end()
})

test('MissedCommits holds what was not sent, and remembers what was sent last', t => {
  const stored = Array.from({ length: 100 }, (_, i) => [i + 1, i % 10 === 9 ? 1 : 0] as const)
  const { held, openMissed } = open(t, { sent: 95, stored })
  const missed = openMissed()
  missed.add(segmentName(101, 0), 10)
  const all = kept(missed, 95)!
  t.same(
    all.filter(([, isSent]) => !isSent),
    [
      [96, false],
      [97, false],
      [98, false],
      [99, false],
      [101, false],
    ],
    'level 0, in order',
  )
  const known = all.filter(([, isSent]) => isSent)
  t.equal(known.length, tailResumeKnownCommits)
  t.same(known.at(-1), [95, true])
  t.same(kept(missed, 98)!.at(-2), [99, false], 'a tail may be further than another')
  t.equal(held.length, all.length)
  missed.end()
  missed.end()
  t.same(held, [])
  t.equal(missed.since(95), undefined)
  t.end()
})

test('MissedCommits waits for the given time and no longer', async t => {
  const { record, held, openMissed } = open(t, { sent: 1, stored: [[2, 0]] })
  const missed = openMissed(20)
  t.same(kept(missed, 1), [[2, false]])
  t.same(held.length, 1)
  await sleep(60)
  t.equal(missed.since(1), undefined)
  t.same(held, [])
  t.same(record.interrupted, [], 'they begin as new ones')
})

test('MissedCommits gives up at too many commits', t => {
  const { held, openMissed, record } = open(t, { sent: 1 })
  const missed = openMissed()
  for (let i = 0; i < tailResumeCommitsMax; i++) missed.add(segmentName(i + 2, 0), 10)
  t.equal(missed.since(1)?.length, tailResumeCommitsMax)
  missed.add(segmentName(9999, 0), 10)
  t.equal(missed.since(1), undefined)
  t.same(held, [])
  t.same(record.interrupted, [])
  missed.add(segmentName(10_000, 0), 10)
  t.same(held, [])
  t.end()
})

test('MissedCommits gives up when the segments are too large', t => {
  const { held, openMissed } = open(t, { sent: 1 })
  const missed = openMissed()
  missed.add(segmentName(2, 0), tailResumeBytesMax)
  t.equal(missed.since(1)?.length, 1)
  missed.add(segmentName(3, 0), 1)
  t.equal(missed.since(1), undefined)
  t.same(held, [])
  t.end()
})
