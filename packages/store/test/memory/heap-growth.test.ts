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

test('a bounded heap is collected earlier', t => {
  // 40 chunks live. Ten times as many become garbage after they outlived a scavenge.
  const script = `
    import { getHeapStatistics, setFlagsFromString } from 'node:v8'
    const percent = process.argv[1]
    if (percent !== '0') setFlagsFromString('--heap-growing-percent=' + percent)
    const chunk = () => Array.from({ length: 12_000 }, (_, i) => ({ i, next: [i] }))
    const live = Array.from({ length: 40 }, chunk)
    const ring = []
    let most = 0
    for (let i = 0; i < 400; i++) {
      ring[i % 10] = chunk()
      most = Math.max(most, getHeapStatistics().total_heap_size)
    }
    console.log(most / 1e6, live.length)`
  const most = (percent: number) =>
    Number.parseFloat(
      execFileSync(process.execPath, ['--input-type=module', '-e', script, String(percent)], {
        encoding: 'utf8',
      }),
    )
  const [free, bounded] = [most(0), most(30)]
  t.ok(bounded < free, `${bounded} MB of ${free}`)
  t.end()
})
