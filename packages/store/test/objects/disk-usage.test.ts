import { test } from 'tap'
import { level0DueBytes, minFreeBytes, readDiskUsage } from '../../src/objects/disk-usage.ts'

const mib = 1024 ** 2
const gib = 1024 ** 3
const disk = (totalBytes: number) => ({ totalBytes, freeBytes: 0, takenBytes: 0 })

test('by default a twentieth of the disk stays free, at most 20 GiB', t => {
  t.equal(minFreeBytes(disk(100 * gib), undefined), 5 * gib)
  t.equal(minFreeBytes(disk(10_000 * gib), undefined), 20 * gib)
  t.end()
})

test('a configured size applies, up to half of the disk', t => {
  t.equal(minFreeBytes(disk(100 * gib), 30 * gib), 30 * gib)
  t.equal(minFreeBytes(disk(100 * gib), 80 * gib), 50 * gib)
  t.equal(minFreeBytes(disk(100 * gib), 0), 0, '0 turns it off')
  t.end()
})

test('merges always have room, on small disks too', t => {
  t.equal(minFreeBytes(disk(100 * gib), 1), 272 * mib)
  t.equal(level0DueBytes(disk(64 * mib)), 4 * mib)
  t.equal(minFreeBytes(disk(64 * mib), undefined), 32 * mib)
  t.equal(level0DueBytes(disk(100 * gib)), 64 * mib)
  t.end()
})

test('the usage of a real disk adds up', async t => {
  const { totalBytes, freeBytes, takenBytes } = await readDiskUsage(t.testdir())
  t.ok(totalBytes > 0 && takenBytes > 0)
  t.ok(freeBytes + takenBytes <= totalBytes)
})
