import { execFileSync } from 'node:child_process'
import { test } from 'tap'
import { residentLargeBytes, residentSmallBytes } from '../../src/limits.ts'
import { HeapGrowth } from '../../src/memory/heap-growth.ts'

test('growth is bounded while the process has much memory', async t => {
  let bytes = residentLargeBytes
  const growth = new HeapGrowth(() => bytes)
  t.teardown(() => growth.close())
  const after = (size: number) => {
    bytes = size
    growth.tick()
    return growth.isBounded
  }
  t.equal(after(residentLargeBytes), false)
  t.equal(after(residentLargeBytes + 1), true)
  t.equal(after(residentSmallBytes), true)
  t.equal(after(residentSmallBytes - 1), false)
  t.equal(after(residentLargeBytes + 1), true)
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
