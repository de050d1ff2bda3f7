import { parseSelector } from '@skald/query'
import { type Test, test } from 'tap'
import { Compactor } from '../../src/compaction/compactor.ts'
import { Retention } from '../../src/compaction/retention.ts'
import type { StreamRetention } from '../../src/tenant-limits.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  midnightNs,
  openStorage,
  type Row,
  type StorageParts,
} from '../harness.ts'
import { readAllRows, segmentNames } from '../segment-rows.ts'

const dayMs = 86_400_000
const always = { startNs: 0n, endNs: midnightNs + 100n * dayNs }

interface Periods {
  readonly retentionNs: bigint
  readonly retentionStreams: readonly StreamRetention[]
}

function openParts(t: Test, storage: StorageParts, limitsOf: (tenant: string) => Periods) {
  const { catalog, segments, nextSequence, segmentsDir } = storage
  const { logger, messages } = createTestLogger()
  const clock = { ms: Number(midnightNs / 1_000_000n), now: () => clock.ms }
  const worker = { directory: segmentsDir, logLevelFields: ['level'] }
  const retention = new Retention({ catalog, segments, logger, clock, limitsOf })
  const parts = { catalog, segments, logger, clock, nextSequence, worker, retention }
  const compactor = new Compactor(parts)
  t.teardown(() => compactor.close())
  const lines = async () => (await readAllRows(segmentsDir)).map(({ line }) => line).sort()
  const apps = () => catalog.labelValues('a', 'app', always)
  return { retention, compactor, clock, messages, lines, apps }
}

const rule = (selector: string, priority: number, days: number): StreamRetention => ({
  matchers: parseSelector(selector),
  priority,
  periodNs: BigInt(days) * dayNs,
})
const at = (day: number, line: string): Row => [midnightNs + BigInt(day) * dayNs, line]

test('streams with their own period are deleted earlier or later than the others', async t => {
  const storage = await openStorage(t)
  const parts = openParts(t, storage, tenant =>
    tenant === 'a'
      ? {
          retentionNs: 3n * dayNs,
          retentionStreams: [rule('{app="short"}', 1, 1), rule('{app=~"long|short"}', 0, 5)],
        }
      : { retentionNs: 0n, retentionStreams: [] },
  )
  for (const app of ['short', 'usual', 'long']) {
    await storage.push('a', acceptedStream({ app }, [at(0, app)]))
  }
  await storage.push('b', acceptedStream({ app: 'short' }, [at(0, 'of b')]))
  const after = async (days: number) => {
    parts.clock.ms = Number(midnightNs / 1_000_000n) + days * dayMs
    await parts.compactor.flush()
    return { lines: await parts.lines(), apps: await parts.apps() }
  }
  t.same((await after(1)).lines, ['long', 'of b', 'short', 'usual'], 'a day is kept to its end')
  t.same(await after(2), { lines: ['long', 'of b', 'usual'], apps: ['long', 'usual'] })
  t.same(await after(3), { lines: ['long', 'of b', 'usual'], apps: ['long', 'usual'] })
  t.same(await after(4), { lines: ['long', 'of b'], apps: ['long'] })
  t.same(await after(6), { lines: ['of b'], apps: [] })
  t.equal((await segmentNames(storage.segmentsDir)).length, 1)
  t.same(await storage.catalog.listDropped(), [])
})

test('a segment with only expired streams is deleted, and the others of its day stay', async t => {
  const storage = await openStorage(t)
  const parts = openParts(t, storage, () => ({
    retentionNs: 0n,
    retentionStreams: [rule('{app="debug"}', 1, 1)],
  }))
  await storage.push('a', acceptedStream({ app: 'debug' }, [at(0, 'debug')]))
  await parts.compactor.flush()
  await storage.push('a', acceptedStream({ app: 'kept' }, [at(0, 'kept')]))
  await parts.compactor.flush()
  const [, kept] = await segmentNames(storage.segmentsDir)
  parts.clock.ms += 2 * dayMs
  await parts.compactor.flush()
  t.same(await segmentNames(storage.segmentsDir), [kept], 'nothing was written again')
  t.same(await parts.lines(), ['kept'])
  t.same(await parts.apps(), ['kept'])
  t.ok(parts.messages().includes('deleted segments past their retention'))
  await storage.push('a', acceptedStream({ app: 'debug' }, [at(0, 'too late')]))
  parts.clock.ms += dayMs
  await parts.compactor.flush()
  parts.clock.ms += dayMs
  await parts.compactor.flush()
  t.same(await parts.lines(), ['kept'], 'entries that arrive expired are deleted by the next run')
})

test('retention is due every ten minutes, and after the clock was set back', async t => {
  const storage = await openStorage(t)
  const { retention, clock } = openParts(t, storage, () => ({
    retentionNs: dayNs,
    retentionStreams: [],
  }))
  t.equal(retention.isDue, true)
  await retention.apply()
  t.equal(retention.isDue, false)
  clock.ms += 599_999
  t.equal(retention.isDue, false)
  clock.ms += 1
  t.equal(retention.isDue, true)
  clock.ms -= 600_001
  t.equal(retention.isDue, true)
})
