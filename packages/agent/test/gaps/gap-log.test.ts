// Gaps of one client, on a clock that tests move.

import { mock } from 'node:test'
import pino from 'pino'
import { type Test, test } from 'tap'
import { GapLog, type NotedGap } from '../../src/gaps/gap-log.ts'
import { gapsOnTheirWayMax } from '../../src/limits.ts'
import type { LineOrigin, OriginBatch } from '../../src/line/line-origin.ts'
import type { SinkLine } from '../../src/line/line-sink.ts'

const logger = pino({ level: 'silent' })

interface Marker {
  readonly line: string
  readonly labels: string
  readonly time: string
  readonly metadata: Record<string, string>
}

/** A place, a sink and a clock for gap logs. `restart` starts another log at the same place. */
function setUp(t: Test) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_800_000_000_000 })
  t.teardown(() => mock.timers.reset())
  const cursors = new Map<string, string>()
  const served = new Map<string, () => string>()
  const markers: Marker[] = []
  const givenUp: string[] = []
  let batch: OriginBatch & { readonly origins: Set<LineOrigin> } = {
    sequence: 1,
    origins: new Set(),
  }
  let timeNs = 1_800_000_000_000_000_000n
  let saves = 0
  let running: GapLog | undefined
  const start = () => {
    const log = new GapLog({
      ...{ lane: '', logger, nowMs: () => Date.now(), allocateNs: () => timeNs++ },
      place: {
        takeCursor: key => {
          const value = cursors.get(key)
          cursors.delete(key)
          return value
        },
        setCursor: (key, value) => cursors.set(key, value),
        serveCursor: (key, read) => (read ? served.set(key, read) : served.delete(key)),
        giveUp: id => givenUp.push(id),
        save: () => {
          saves++
        },
        saveSoon: () => {},
      },
      sink: {
        add: ({ bytes, labels, origin, startOffset, seconds, nanos, metadata = [] }: SinkLine) => {
          origin.addToBatch(batch, startOffset)
          batch.origins.add(origin)
          markers.push({
            ...{ line: bytes.toString(), labels: labels.text, time: `${seconds}.${nanos}` },
            metadata: Object.fromEntries(metadata.map(({ name, value }) => [name, value])),
          })
        },
      },
      onMarker: () => {},
    })
    log.start()
    running = log
    return log
  }
  return {
    ...{ markers, start, cursors, givenUp },
    saves: () => saves,
    /** The server accepts everything sent so far. */
    accept: () => {
      const { origins } = batch
      const accepted = batch
      batch = { sequence: accepted.sequence + 1, origins: new Set() }
      for (const origin of origins) origin.settleBatch(accepted)
    },
    /** Keeps what a kill would leave. */
    kill: () => {
      const left = [...served].map(([key, read]) => [key, read()] as const)
      running?.close()
      cursors.clear()
      for (const [key, value] of left) cursors.set(key, value)
      batch = { sequence: 0, origins: new Set() }
    },
  }
}

const stream = { tenant: '', labelsText: '{job="a"}' }
const deleted = (bytes: number): NotedGap => ({
  ...{ ...stream, kind: 'deleted', file: '/var/log/a.log', bytes },
})

test('A marker sums up what is lost in a stream, and says so in words and numbers', t => {
  const { start, markers } = setUp(t)
  const log = start()
  log.note(deleted(1_204_000))
  log.note(deleted(882))
  t.same(markers, [], 'it waits for more')
  mock.timers.tick(1_500)
  t.same(markers, [
    {
      line: 'skald gap: 1,204,882 bytes of /var/log/a.log were deleted before they were read',
      labels: '{job="a"}',
      time: '1800000000.0',
      metadata: {
        skald_gap: 'deleted',
        skald_gap_bytes: '1204882',
        skald_gap_file: '/var/log/a.log',
      },
    },
  ])
  log.close()
  t.end()
})

test('A stream has a marker in ten seconds at most, and none while one is on its way', t => {
  const { start, markers, accept } = setUp(t)
  const log = start()
  const lose = (seconds: number) => {
    for (let i = 0; i < seconds * 10; i++) {
      log.note(deleted(1))
      mock.timers.tick(100)
    }
  }
  lose(30)
  t.equal(markers.length, 1, 'the server has not answered')
  accept()
  lose(31)
  for (const { line } of markers) t.match(line, /^skald gap: [\d,]+ bytes? of/)
  accept()
  lose(31)
  accept()
  mock.timers.tick(20_000)
  const sum = markers.reduce((all, { metadata }) => all + Number(metadata.skald_gap_bytes), 0)
  t.equal(sum, 920, 'nothing is missing')
  t.equal(markers.length, 4)
  log.close()
  t.end()
})

test('A marker that a kill finds on its way is sent again as the same entry, and then no more', t => {
  const { start, markers, accept, kill, saves } = setUp(t)
  start().note(deleted(5))
  kill()
  start()
  mock.timers.tick(1_500)
  t.equal(markers.length, 1, 'noted before a kill, sent after it')
  t.equal(saves(), 1, 'it is on disk before it leaves')
  kill()
  start()
  t.equal(markers.length, 2)
  t.same(markers[0], markers[1])
  accept()
  mock.timers.tick(20_000)
  kill()
  const fourth = start()
  mock.timers.tick(20_000)
  t.equal(markers.length, 2)
  fourth.close()
  t.end()
})

test('A stop sends what waits, and keeps what is not accepted', t => {
  const { start, markers, cursors } = setUp(t)
  const log = start()
  log.note(deleted(7))
  log.flush()
  t.equal(markers.length, 1)
  log.close()
  t.equal(cursors.size, 1)
  start().close()
  t.equal(markers.length, 2)
  t.same(markers[0], markers[1])
  t.end()
})

test('Many streams share a marker, in a stream with the labels that they have in common', t => {
  const { start, markers, accept, kill } = setUp(t)
  const log = start()
  const count = gapsOnTheirWayMax + 50
  for (let i = 0; i < count; i++) {
    const labelsText = `{job="a", n="${i}"}`
    log.note({ tenant: 'x', labelsText, kind: 'refused', bytes: 10, lines: 1, reason: 'too old' })
  }
  mock.timers.tick(1_500)
  t.equal(markers.length, gapsOnTheirWayMax + 1)
  const last = markers.at(-1)!
  t.equal(last.line, 'skald gap: 50 lines (500 bytes) were refused by the server: too old')
  t.equal(last.labels, '{__tenant_id__="x", job="a"}')
  accept()
  log.note({ tenant: 'x', labelsText: '{job="a", n="new"}', kind: 'refused', lines: 1 })
  kill()
  const next = start()
  mock.timers.tick(12_000)
  t.equal(markers.length, gapsOnTheirWayMax + 2)
  t.equal(markers.at(-1)!.labels, '{__tenant_id__="x", job="a"}', 'a restart knows these labels')
  next.close()
  t.end()
})

test('Streams with nothing in common have their marker in a stream of the agent', t => {
  const { start, markers } = setUp(t)
  const log = start()
  const gap = { tenant: '', kind: 'too_many_streams', bytes: 1, lines: 1 } as const
  log.note({ ...gap, labelsText: '{a="1"}' }, { isShared: true })
  log.note({ ...gap, labelsText: '{b="1"}' }, { isShared: true })
  mock.timers.tick(1_500)
  t.same(
    markers.map(({ labels, metadata }) => [labels, metadata.skald_gap_lines]),
    [['{job="skald-agent"}', '2']],
  )
  log.close()
  t.end()
})

test('A refused marker is sent once more without metadata, and then given up', t => {
  const { start, markers, accept } = setUp(t)
  const log = start()
  log.note(deleted(5))
  mock.timers.tick(1_500)
  log.markerRefused(1_800_000_000_000_000_000n, 'refused')
  t.equal(markers.length, 2)
  t.same(markers[1], { ...markers[0], metadata: {} })
  log.markerRefused(1_800_000_000_000_000_000n, 'refused')
  accept()
  mock.timers.tick(60_000)
  t.equal(markers.length, 2)
  log.close()
  t.end()
})

test('A marker that was given up for now counts in the next one', t => {
  const { start, markers, accept } = setUp(t)
  const log = start()
  log.note(deleted(5))
  mock.timers.tick(1_500)
  log.markerRefused(1_800_000_000_000_000_000n, 'rate_limited')
  accept()
  log.note(deleted(3))
  mock.timers.tick(15_000)
  t.same(
    markers.map(({ metadata }) => metadata.skald_gap_bytes),
    ['5', '8'],
  )
  log.close()
  t.end()
})

test('A file whose directory is away is waited for, and is no gap if it comes back', t => {
  const { start, markers, givenUp } = setUp(t)
  const log = start()
  log.await('one', deleted(5), 60_000)
  log.await('two', deleted(6), 60_000)
  mock.timers.tick(30_000)
  log.await('one', deleted(5), 60_000)
  log.found('two')
  t.same(markers, [])
  mock.timers.tick(45_000)
  t.same(
    markers.map(({ metadata }) => metadata.skald_gap_bytes),
    ['5'],
  )
  t.same(givenUp, ['one'], 'a restart does not report it again')
  log.close()
  t.end()
})

test('Unreadable gaps of an earlier run are left out', t => {
  const { start, markers, cursors } = setUp(t)
  cursors.set('cursor-skald-gaps', '{"sent":[')
  const log = start()
  log.note(deleted(5))
  mock.timers.tick(1_500)
  t.equal(markers.length, 1)
  log.close()
  t.end()
})
