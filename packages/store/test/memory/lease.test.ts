import { test } from 'tap'
import { leaseCountedBytes, leaseGrowthKib, resultCopies } from '../../src/limits.ts'
import { Lease, LeaseMeter } from '../../src/memory/lease.ts'
import { createLedger, MemoryLedger } from '../../src/memory/ledger.ts'

const mib = 1024 * 1024

function open(queryBytes = 10 * mib) {
  const data = createLedger(queryBytes, 100 * mib)
  const ledger = new MemoryLedger(data)
  return { data, ledger, lease: new Lease(ledger) }
}

test('a lease is in the ledger until it is closed', async t => {
  const { ledger, lease } = open()
  lease.reserve(1000)
  t.equal(ledger.reservedKib, 1000)
  lease.close()
  t.equal(ledger.reservedKib, 0)
  lease.close()
  t.equal(ledger.reservedKib, 0, 'once')
})

test('a thread that needs no more than is reserved takes nothing', async t => {
  const { data, ledger, lease } = open()
  lease.reserve(1024)
  const meter = new LeaseMeter(lease.data, data)
  meter.takeOwn(mib / 2)
  meter.takeResult(mib / 2 / resultCopies)
  meter.flush()
  t.equal(ledger.reservedKib, 1024)
  t.equal(lease.usedBytes, mib)
  t.notOk(lease.isGrown)
})

test('a thread that needs more takes more, in pieces', async t => {
  const { data, ledger, lease } = open()
  lease.reserve(1024)
  const meter = new LeaseMeter(lease.data, data)
  meter.takeOwn(mib + 1)
  t.equal(ledger.reservedKib, 1024 + leaseGrowthKib)
  t.ok(lease.isGrown)
  meter.takeOwn(-mib / 2)
  t.equal(lease.usedBytes, mib / 2 + 1024, 'what is dropped is no longer used')
})

test('small pieces are counted together', async t => {
  const { data, lease } = open()
  lease.reserve(1024)
  const meter = new LeaseMeter(lease.data, data)
  for (let i = 0; i < 10; i++) meter.takeOwn(leaseCountedBytes / 20)
  t.equal(lease.usedBytes, 0)
  meter.flush()
  t.equal(lease.usedBytes, leaseCountedBytes / 2)
})

test('nobody gets more than the ledger has, and the error says why', async t => {
  const { data, ledger, lease } = open()
  const meter = new LeaseMeter(lease.data, data)
  meter.takeOwn(9 * mib)
  t.throws(() => meter.takeOwn(2 * mib), {
    code: 'QUERY_MEMORY',
    message:
      /^the store is short of memory \(max_memory is 100 MiB\), and this query needs more than is left/,
  })
  t.equal(ledger.reservedKib, 9 * 1024)
})

test('a scan stops when queries have taken too much and it has grown itself', async t => {
  const { data, ledger, lease } = open()
  const meter = new LeaseMeter(lease.data, data)
  ledger.force(9 * 1024)
  t.notOk(meter.isShort, 'it has not grown')
  meter.takeOwn(mib / 2)
  t.ok(meter.isShort)
  lease.overdraw()
  t.notOk(meter.isShort, 'it may take the rest')
})

test('a thread that goes on after the lease was closed gets an error and keeps nothing', async t => {
  const { data, ledger, lease } = open()
  lease.reserve(1024)
  const meter = new LeaseMeter(lease.data, data)
  meter.takeOwn(mib)
  lease.close()
  t.throws(() => meter.takeOwn(mib), { code: 'QUERY_MEMORY' })
  t.equal(ledger.reservedKib, 0)
})
