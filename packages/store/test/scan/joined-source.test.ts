// Sources of several tenants, over real segments.

import { defaultQueryLimits, runQuery } from '@skald/query'
import { t as root, type Test, test } from 'tap'
import { AnswerHold } from '../../src/memory/answer-hold.ts'
import { createLedger, MemoryLedger } from '../../src/memory/ledger.ts'
import { MemoryReader } from '../../src/memory/pressure.ts'
import { QueryGate } from '../../src/memory/query-gate.ts'
import { createJoinedSource } from '../../src/scan/joined-source.ts'
import type { LeafLimits, LogSourceParts, SourceResult } from '../../src/scan/log-source.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { SharedRuns } from '../../src/scan/shared-runs.ts'
import { acceptedStream, dayNs, midnightNs, openStorage } from '../harness.ts'

const mib = 1024 * 1024
const tenants = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
const unlimited: LeafLimits = { maxQueryBytesRead: 0, maxQuerierBytesRead: 0, cardinalityLimit: 0 }

interface OpenOptions {
  readonly limits?: LeafLimits
  /** Limits of single tenants. */
  readonly own?: Readonly<Record<string, LeafLimits>>
  /** Memory of queries and answers. */
  readonly queryBytes?: number
}

/** Storage with nine tenants, each with a stream of two lines and one of twelve large ones. All tests share it: a scan thread takes a second to start. */
async function openShared(t: Test) {
  const { segmentsDir, catalog, segments, push } = await openStorage(t)
  const ledger = createLedger(400 * mib, 1000 * mib)
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: ['level'], ledger }, 1)
  t.teardown(() => pool.close())
  const pushes = tenants.map((tenant, i) => {
    const at = midnightNs + BigInt(i)
    return push(
      tenant,
      acceptedStream({ app: 'x' }, [
        [at, `first of ${tenant}`],
        [at + 100n, `second of ${tenant}`],
      ]),
      acceptedStream(
        { app: 'big' },
        Array.from(
          { length: 12 },
          (_, row) => [at + BigInt(100 * row), 'x'.repeat(4_000)] as const,
        ),
      ),
      ...(tenant === 'e' ? [acceptedStream({ app: 'y' }, [[at, 'more']])] : []),
    )
  })
  await Promise.all(pushes)
  return { catalog, segments, pool, ledger }
}

let shared: ReturnType<typeof openShared> | undefined

/** Opens the source of all tenants. */
async function open(t: Test, options: OpenOptions = {}) {
  const { limits = unlimited, own = {}, queryBytes = 400 * mib } = options
  shared ??= openShared(root)
  const { catalog, segments, pool, ledger } = await shared
  const seen = { running: 0, most: 0, begun: 0 }
  const runs = new SharedRuns<SourceResult>()
  const memory = new MemoryReader({
    ...{ maxBytes: 1000 * mib, readBytes: () => 0 },
    clock: { now: () => Date.now() },
  })
  const gate = new QueryGate({ ledger, queryBytes, memory })
  const held = new MemoryLedger(ledger)
  const hold = new AnswerHold(held, () => undefined)
  t.teardown(() => hold.release())
  const partsOf = (tenant: string): LogSourceParts => ({
    ...{ catalog, segments, pool, runs, gate, hold },
    limits: own[tenant] ?? limits,
    rulesFor: () => {
      seen.begun++
      seen.most = Math.max(seen.most, ++seen.running)
      return []
    },
    onWork: () => seen.running--,
  })
  const source = createJoinedSource({ tenants, partsOf, limits, hold })
  const ask = (logql: string) =>
    runQuery(
      {
        ...{ logql, startNs: midnightNs, endNs: midnightNs + dayNs, stepNs: dayNs, limit: 12 },
        ...{ intervalNs: 0n, direction: 'forward', isInstant: false, limits: defaultQueryLimits },
      },
      source,
      new AbortController().signal,
    )
  return { ask, seen, runs, held, hold }
}

test('a few tenants are read at a time, and the lines are in order', async t => {
  const { ask, seen, runs, held } = await open(t)
  const result = await ask('{app="x"}')
  t.equal(result.kind, 'streams')
  if (result.kind !== 'streams') return
  t.same(
    result.entries.map(({ line }) => line),
    [...tenants.map(name => `first of ${name}`), ...['a', 'b', 'c'].map(n => `second of ${n}`)],
  )
  t.match(seen, { most: 4, begun: 9, running: 0 })
  t.equal(
    result.stats.linesProcessed,
    17,
    'the last tenant is not read after the last line of the answer',
  )
  t.equal(result.stats.leaves, 9)
  t.ok(held.reservedKib >= tenants.length, `the answer has its memory: ${held.reservedKib} KiB`)
  t.equal(runs.size, 0)
})

test('lines beyond the limit leave the memory of the answer', async t => {
  const heldBy = async (query: string) => {
    const { ask, hold } = await open(t)
    const result = await ask(query)
    t.equal(result.kind === 'streams' && result.entries.length, 12)
    return hold.bytes
  }
  const ofOne = await heldBy('{app="big", __tenant_id__="a"}')
  const ofAll = await heldBy('{app="big"}')
  t.ok(ofOne > 12 * 4_000, `${ofOne} bytes`)
  t.ok(ofAll < 1.5 * ofOne, `as much as for one tenant: ${ofAll} bytes`)
})

test('only chosen tenants are read', async t => {
  const { ask, seen } = await open(t)
  const result = await ask('sum by (__tenant_id__) (count_over_time({__tenant_id__=~"b|i"}[1d]))')
  t.equal(result.kind === 'matrix' && result.series.length, 2)
  t.equal(seen.begun, 2)
  await ask('{app="x", __tenant_id__="none"}')
  t.equal(seen.begun, 2)
})

test('what is read of all tenants together counts, and no more than that is read', async t => {
  const maxQueryBytesRead = 75
  const { ask, seen } = await open(t, { limits: { ...unlimited, maxQueryBytesRead } })
  await t.rejects(ask('{app="x"}'), {
    code: 'LIMIT_EXCEEDED',
    message: /would read too many bytes \(query: 84B, limit: 75B\)/,
  })
  t.match(seen, { most: 1, begun: 4 }, 'one by one, and none after the limit')
  const result = await ask('{app="x", __tenant_id__=~"a|h|i"}')
  t.equal(result.kind === 'streams' && result.entries.length, 6)
})

test('a tenant keeps its own limit of streams, and the query ends with it', async t => {
  const own = { e: { ...unlimited, cardinalityLimit: 1 } }
  const { ask, seen, runs } = await open(t, { own })
  await t.rejects(ask('{app=~"x|y"}'), {
    message: /cardinality limit exceeded for logs\{\}; 2 entries/,
  })
  t.equal(seen.begun, 8, 'those at the same time, and none after them')
  t.equal(runs.size, 0, 'nothing goes on')
  await ask('{app="x"}')
})

test('answers that need more memory than there is are refused', async t => {
  const { ask, runs } = await open(t, { queryBytes: 4 * 1024 })
  await t.rejects(ask('{app="x"}'), { code: 'QUERY_MEMORY' })
  t.equal(runs.size, 0)
})
