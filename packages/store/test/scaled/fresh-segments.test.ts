import { setImmediate as soon } from 'node:timers/promises'
import { test } from 'tap'
import { freshReadsMax } from '../../src/limits.ts'
import { FreshSegments } from '../../src/scaled/fresh-segments.ts'

function openFresh() {
  const reading = new Map<string, (error?: Error) => void>()
  let askedMs: number | undefined
  let releases = 0
  const fresh = new FreshSegments({
    askedMs: () => askedMs,
    objects: {
      holdWhole: ([name]) =>
        new Promise((resolve, reject) => {
          reading.set(name!, error => {
            if (error) reject(error)
            else
              resolve(() => {
                releases++
              })
          })
        }),
    },
  })
  const setAsked = (ms: number | undefined) => {
    askedMs = ms
  }
  return { fresh, reading, setAsked, releases: () => releases }
}

test('fresh segments are fetched while somebody asks', async t => {
  const { fresh, reading, setAsked, releases } = openFresh()
  fresh.fetch([{ name: 'a' }])
  t.same([...reading.keys()], [], 'nobody has asked')
  setAsked(performance.now() - 601_000)
  fresh.fetch([{ name: 'b' }])
  t.same([...reading.keys()], [], 'nobody has asked for ten minutes')
  setAsked(performance.now() - 590_000)
  fresh.fetch([{ name: 'c' }, { name: 'd' }])
  t.same([...reading.keys()], ['c', 'd'])
  reading.get('c')!()
  reading.get('d')!(new Error('gone'))
  await soon()
  t.equal(releases(), 1)
})

test('few are fetched at a time', async t => {
  const { fresh, reading, setAsked } = openFresh()
  setAsked(performance.now())
  const names = Array.from({ length: freshReadsMax + 5 }, (_, i) => ({ name: String(i) }))
  fresh.fetch(names)
  t.equal(reading.size, freshReadsMax)
  reading.get('0')!()
  await soon()
  fresh.fetch([{ name: 'next' }, { name: 'one more' }])
  t.ok(reading.has('next'))
  t.notOk(reading.has('one more'))
})
