// Leaves with a memory that the test sets.

import tap, { test } from 'tap'
import { memoryGrowthBytes, planningMax, queryQueueMax } from '../../src/limits.ts'
import { AnswerHold } from '../../src/memory/answer-hold.ts'
import { LeaseMeter } from '../../src/memory/lease.ts'
import { createLedger, MemoryLedger } from '../../src/memory/ledger.ts'
import { MemoryReader } from '../../src/memory/pressure.ts'
import { type LeafPass, QueryGate } from '../../src/memory/query-gate.ts'

const mib = 1024 * 1024
const maxBytes = 1000 * mib
const queryBytes = 400 * mib
const never = new AbortController().signal

// The gate's timer does not keep a process alive; in a store, connections do.
const alive = setInterval(() => {}, 1000)
tap.teardown(() => clearInterval(alive))

/** A gate, and leaves that run until the test ends them or the gate does. */
function openGate() {
  const state = { rss: 0, refused: 0, relieved: 0 }
  const begun: string[] = []
  const passes = new Map<string, LeafPass>()
  const ledgerData = createLedger(queryBytes, maxBytes)
  const ledger = new MemoryLedger(ledgerData)
  let nowMs = 0
  const gate = new QueryGate({
    ledger: ledgerData,
    queryBytes,
    // Each reading is new.
    memory: new MemoryReader({
      maxBytes,
      readBytes: () => state.rss,
      clock: { now: () => (nowMs += 1000) },
    }),
    relieve: async () => {
      state.relieved++
    },
    onRefused: () => state.refused++,
  })
  const start = (name: string, { bytes = mib, tenant = 'a', signal = never } = {}) => {
    const { promise: ended, resolve: end } = Promise.withResolvers<string>()
    const result = gate.run(tenant, signal, async pass => {
      await pass.reserve(bytes)
      begun.push(name)
      passes.set(name, pass)
      const { promise: aborted, reject } = Promise.withResolvers<never>()
      pass.signal.addEventListener('abort', () => reject(new Error('the scan was cancelled')))
      return Promise.race([ended, aborted])
    })
    result.catch(() => {})
    return { result, end: () => end(name) }
  }
  /** Lets a leaf keep this much. */
  const grow = (name: string, bytes: number) => {
    new LeaseMeter(passes.get(name)!.lease, ledgerData).takeOwn(bytes)
  }
  return { state, gate, begun, passes, ledger, start, grow }
}

/** Lets promises settle, without waiting for the gate's timer. */
const settle = () => new Promise(resolve => setImmediate(resolve))

test('leaves run at the same time while there is memory', async t => {
  const { gate, begun, ledger, start } = openGate()
  const scans = ['a', 'b', 'c'].map(name => start(name, { bytes: 50 * mib }))
  await settle()
  t.same(begun, ['a', 'b', 'c'])
  t.equal(gate.reservedBytes, 150 * mib)
  t.equal(gate.waitingCount, 0)
  for (const scan of scans) scan.end()
  t.same(await Promise.all(scans.map(({ result }) => result)), ['a', 'b', 'c'])
  t.equal(ledger.reservedKib, 0)
})

test('a leaf whose reservation does not fit waits, and nobody overtakes it', async t => {
  const { gate, begun, start } = openGate()
  const scans = ['a', 'b', 'c', 'd'].map(name => start(name, { bytes: 10 ** 12 }))
  const small = start('small')
  await settle()
  t.same(begun, ['a', 'b', 'c'], 'each reserves a quarter at most, and a fifth is kept back')
  t.equal(gate.waitingCount, 2)
  scans[0]!.end()
  await scans[0]!.result
  await settle()
  t.same(begun, ['a', 'b', 'c', 'd', 'small'])
  for (const scan of [...scans, small]) scan.end()
  await Promise.all([...scans, small].map(({ result }) => result))
})

test('if the process is short of memory, leaves run one after the other', async t => {
  const { state, begun, start } = openGate()
  state.rss = maxBytes * 0.75
  const scans = ['a', 'b', 'c'].map(name => start(name))
  await settle()
  t.same(begun, ['a'], 'one always runs')
  scans[0]!.end()
  await scans[0]!.result
  await settle()
  t.same(begun, ['a', 'b'])
  t.ok(state.relieved > 0, 'memory is freed in between')
  state.rss = 0
  scans[1]!.end()
  scans[2]!.end()
  await Promise.all(scans.map(({ result }) => result))
  t.equal(state.refused, 0)
})

test('tenants take turns', async t => {
  const { state, begun, start } = openGate()
  state.rss = maxBytes * 0.75
  const scans = ['a1', 'a2', 'a3', 'b1'].map(name => start(name, { tenant: name[0]! }))
  for (const scan of scans) {
    await settle()
    scan.end()
  }
  await Promise.all(scans.map(({ result }) => result))
  t.ok(begun.indexOf('b1') < begun.indexOf('a3'), begun.join(' '))
})

test('if leaves grow too much, the newest that grew ends and the others go on', async t => {
  const { state, passes, start, grow } = openGate()
  const first = start('first')
  const second = start('second')
  const modest = start('modest')
  await settle()
  grow('first', 200 * mib)
  grow('second', 140 * mib)
  await passes.get('first')!.makeRoom()
  await t.rejects(second.result, {
    code: 'QUERY_MEMORY',
    message:
      /^the store is short of memory \(max_memory is 1000 MiB\), and this query took too much/,
  })
  t.equal(state.refused, 1)
  for (const scan of [first, modest]) scan.end()
  t.same(await Promise.all([first.result, modest.result]), ['first', 'modest'])
})

test('the newest that grew is told so itself', async t => {
  const { passes, start, grow } = openGate()
  const first = start('first')
  const second = start('second')
  await settle()
  grow('first', 200 * mib)
  grow('second', 140 * mib)
  await t.rejects(passes.get('second')!.makeRoom(), { code: 'QUERY_MEMORY' })
  await t.rejects(second.result, { code: 'QUERY_MEMORY' })
  await passes.get('first')!.makeRoom()
  first.end()
  t.equal(await first.result, 'first')
})

test('a leaf alone may take everything that queries have', async t => {
  const { passes, start, grow, ledger } = openGate()
  const only = start('only')
  await settle()
  grow('only', 350 * mib)
  await passes.get('only')!.makeRoom()
  grow('only', 40 * mib)
  t.throws(() => grow('only', 100 * mib), { code: 'QUERY_MEMORY' })
  only.end()
  t.equal(await only.result, 'only')
  t.equal(ledger.reservedKib, 0)
})

test('if other parts take the memory, queries have less', async t => {
  const { state, start, grow } = openGate()
  state.rss = maxBytes * 0.8
  const only = start('only')
  await settle()
  grow('only', 40 * mib)
  t.throws(() => grow('only', 20 * mib), { code: 'QUERY_MEMORY' })
  only.end()
  await only.result
})

test('if memory runs out, the newest leaf ends; the only one if the memory is its own', async t => {
  const { state, start } = openGate()
  const first = start('first')
  const newest = start('newest')
  await settle()
  state.rss = maxBytes * 0.9
  await t.rejects(newest.result, { code: 'QUERY_MEMORY' })
  await t.rejects(first.result, { code: 'QUERY_MEMORY' }, 'it began when memory was free')
  const small = start('small')
  await new Promise(resolve => setTimeout(resolve, 400))
  small.end()
  t.equal(await small.result, 'small', 'the memory was taken before it began')
  const large = start('large')
  await settle()
  state.rss += memoryGrowthBytes + 1
  await t.rejects(large.result, { code: 'QUERY_MEMORY' })
})

test('a leaf that waits can leave, and too many are refused at once', async t => {
  const { state, gate, begun, start } = openGate()
  state.rss = maxBytes * 0.75
  const first = start('first')
  const controller = new AbortController()
  const leaving = start('leaving', { signal: controller.signal })
  await settle()
  controller.abort(new Error('the client is gone'))
  await t.rejects(leaving.result, { message: 'the client is gone' })
  const waiting = Array.from({ length: queryQueueMax }, (_, i) => start(`w${i}`))
  await settle()
  t.equal(gate.waitingCount, queryQueueMax)
  await t.rejects(start('more').result, {
    code: 'QUERY_MEMORY',
    message: /too many queries wait/,
  })
  first.end()
  for (const scan of waiting) scan.end()
  await Promise.all(waiting.map(({ result }) => result))
  t.equal(begun.length, 1 + queryQueueMax)
  t.equal(gate.waitingCount, 0)
})

test('only so many leaves are planned at the same time', async t => {
  const { gate } = openGate()
  let planning = 0
  let most = 0
  const leaves = Array.from({ length: 3 * planningMax }, () =>
    gate.run('a', never, async pass => {
      most = Math.max(most, ++planning)
      await settle()
      planning--
      await pass.reserve(mib)
    }),
  )
  await Promise.all(leaves)
  t.equal(most, planningMax)
})

test('an error of a leaf is passed on, and the next one runs', async t => {
  const { gate, start, ledger } = openGate()
  await t.rejects(
    gate.run('a', never, async pass => {
      await pass.reserve(mib)
      throw new Error('damaged')
    }),
    { message: 'damaged' },
  )
  await t.rejects(
    gate.run('a', never, async () => {
      throw new Error('damaged while it was planned')
    }),
    { message: 'damaged while it was planned' },
  )
  t.equal(ledger.reservedKib, 0)
  const next = start('next')
  next.end()
  t.equal(await next.result, 'next')
})

test('an answer holds its memory until it is sent', async t => {
  const { gate, ledger } = openGate()
  let refused = 0
  const hold = new AnswerHold(ledger, () => refused++)
  hold.take(100 * mib)
  t.equal(gate.reservedBytes, 100 * mib)
  t.throws(() => hold.take(500 * mib), { code: 'QUERY_MEMORY', message: /the answer is too large/ })
  t.equal(refused, 1)
  hold.release()
  hold.release()
  t.equal(gate.reservedBytes, 0)
  hold.take(mib)
  t.equal(gate.reservedBytes, 0, 'nobody waits for it any more')
})
