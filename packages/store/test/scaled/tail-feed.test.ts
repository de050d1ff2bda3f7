import { setImmediate } from 'node:timers/promises'
import { test } from 'tap'
import { TailFeed } from '../../src/scaled/tail-feed.ts'
import { createTestLogger } from '../harness.ts'

function openFeed({ isIdle = false } = {}) {
  const told: string[] = []
  const { logger, messages } = createTestLogger()
  const feed = new TailFeed({
    logger,
    hub: {
      isIdle,
      commit: (segment, _sizeBytes, release) => {
        told.push(`commit ${segment}`)
        release?.()
      },
    },
    objects: {
      holdWhole: async ([name]) => {
        if (name === 'gone') throw new Error('ENOENT')
        // The first takes longer than the second.
        if (name === 'a') for (let i = 0; i < 10; i++) await setImmediate()
        return () => told.push(`release ${name}`)
      },
    },
    segments: {
      acquire: names => {
        told.push(`keep ${names}`)
        return async () => void told.push(`leave ${names}`)
      },
    },
  })
  const settled = async () => {
    for (let i = 0; i < 30; i++) await setImmediate()
  }
  return { feed, told, messages, settled }
}
const segment = (name: string) => ({ name, sizeBytes: 1 })

test('commits reach tails in their order, and are kept until then', async t => {
  const { feed, told, settled } = openFeed()
  feed.feed([segment('a')])
  feed.feed([segment('b')])
  await settled()
  t.same(told, [
    ...['keep a', 'keep b', 'commit a', 'release a', 'leave a'],
    ...['commit b', 'release b', 'leave b'],
  ])
})

test('a commit that cannot be read is told, and the next one follows', async t => {
  const { feed, told, messages, settled } = openFeed()
  feed.feed([segment('gone'), segment('b')])
  await settled()
  t.match(messages(), [/missed the entries/])
  t.ok(told.includes('commit b'))
})

test('nothing is fetched while nobody tails', async t => {
  const { feed, told, settled } = openFeed({ isIdle: true })
  feed.feed([segment('a')])
  await settled()
  t.same(told, [])
})
