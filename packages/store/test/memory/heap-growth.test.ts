import { execFileSync } from 'node:child_process'
import { test } from 'tap'
import { heapLargeBytes, heapSmallBytes } from '../../src/limits.ts'
import { HeapGrowth } from '../../src/memory/heap-growth.ts'

test('growth is bounded from a large heap on, until it is small', async t => {
  let bytes = heapLargeBytes
  const growth = new HeapGrowth(() => bytes)
  t.teardown(() => growth.close())
  const after = (size: number) => {
    bytes = size
    growth.tick()
    return growth.isBounded
  }
  t.equal(after(heapLargeBytes), false)
  t.equal(after(heapLargeBytes + 1), true)
  t.equal(after(heapSmallBytes), true)
  t.equal(after(heapSmallBytes - 1), false)
  t.equal(after(heapLargeBytes + 1), true)
  await growth.close()
  t.equal(growth.isBounded, false)
})

test('V8 still has the flag', t => {
  t.match(
    execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }),
    '--heap-growing-percent ',
  )
  t.end()
})
