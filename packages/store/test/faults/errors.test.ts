// Stores whose disk returns errors. `npm run torture -- --only errors` tries more codes, and several
// failures in a row.

import { join } from 'node:path'
import { test } from 'tap'
import { jsonStream, midnightNs, startTestStore } from '../harness.ts'
import { errorCodes, failingKinds, runErrorStory } from './error-story.ts'
import { failingFiles } from './failing-files.ts'
import type { CallKind } from './simulated-disk.ts'

for (const kind of failingKinds) {
  test(`a store goes on after every second ${kind} that fails once`, {
    timeout: 120_000,
  }, async t => {
    const dir = join(t.testdir(), 'store')
    for (let at = 1; ; at += 2) {
      const code = errorCodes[at % errorCodes.length]!
      const { hasFailed, problems } = await runErrorStory({ kind, code, at, count: 1 }, dir)
      t.same(problems, [], `${kind} ${at} fails with ${code}`)
      if (!hasFailed) break
    }
  })
}

for (const code of errorCodes) {
  test(`pushes get 503 while the disk answers ${code}, and 204 once it works`, async t => {
    const failing = new Set<CallKind>()
    const files = failingFiles(kind => (failing.has(kind) ? code : undefined))
    const store = await startTestStore(t, { files })
    const push = (number: number) =>
      store.push([jsonStream({ app: 'x' }, [[midnightNs + BigInt(number), `line ${number}`]])])
    t.equal((await push(0)).statusCode, 204)
    const stored = ['line 0']
    for (const [i, kind] of (['open', 'writev', 'datasync', 'sync'] as const).entries()) {
      failing.add(kind)
      const refused = await push(2 * i + 1)
      t.equal(refused.statusCode, 503, kind)
      t.equal(refused.headers['retry-after'], '1')
      t.match(refused.body, /^Cannot store pushes: /)
      t.same(await store.lines('{app="x"}'), stored, 'reads go on')
      failing.clear()
      t.equal((await push(2 * i + 2)).statusCode, 204, 'without a restart')
      stored.push(`line ${2 * i + 2}`)
      t.same(await store.lines('{app="x"}'), stored)
    }
  })
}
