// The pages of lines that the page reads as somebody scrolls, from a real store.

import '../../test/keep-directories.ts'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { StoreClient } from '../../packages/page/src/api/store-client.ts'
import { LinePages, type Order } from '../../packages/page/src/state/lines.ts'
import { openLimits, startStore } from '../harness.ts'

root.setTimeout(60_000)

test('pages have each line once and in order, also where more than a page can have share one time', async t => {
  const config = `${openLimits}  max_entries_limit_per_query: 100\n`
  const store = await startStore(t, { dir: t.testdir(), config })
  const startNs = BigInt(Date.now() - 60_000) * 1_000_000n
  // The first 30 have different times, 370 share one, 130 another, and those of the rest differ again.
  const timeOf = (i: number) => (i < 30 ? i : i < 400 ? 30 : i < 530 ? 31 : i)
  const count = 560
  const streams = ['a', 'b'].map((app, part) => ({
    labels: createLabelSet({ app }),
    entries: Array.from({ length: count }, (_, i) => i)
      .filter(i => i % 2 === part)
      .map(i => ({ timestampNs: startNs + BigInt(timeOf(i)), line: `line ${i}` })),
  }))
  t.equal((await store.push(streams)).status, 204)
  const client = new StoreClient(new URL(`${store.url}/`), () => '')
  for (const order of ['newest', 'oldest'] as Order[]) {
    const ask = { query: '{app=~".+"}', startNs, endNs: startNs + 1_000_000n, order }
    const pages = new LinePages(client, ask, 100)
    const found: { readonly line: string; readonly ns: string }[] = []
    while (!pages.isComplete) {
      const { rows } = await pages.next(40)
      t.ok(rows.length <= 100, 'never more than a page')
      found.push(...rows)
    }
    const numbers = found.map(({ line }) => Number(line.slice(5)))
    t.equal(numbers.toSorted((a, b) => a - b).join(), [...Array(count).keys()].join(), order)
    const times = found.map(({ ns }) => BigInt(ns))
    const isOrdered = times.every(
      (time, i) => i === 0 || (order === 'newest' ? time <= times[i - 1]! : time >= times[i - 1]!),
    )
    t.ok(isOrdered, `${order} first`)
    for (const row of found)
      if (row.ns !== String(startNs + BigInt(timeOf(Number(row.line.slice(5))))))
        t.fail(`${row.line} at ${row.ns}`)
  }
})
