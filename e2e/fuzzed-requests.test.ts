// Damaged requests of every protocol: the short form of `npm run torture -- doors`.

import { t as root, test } from 'tap'
import { fuzzRequests } from './fuzzed-requests.ts'

root.setTimeout(90_000)

test('damaged requests bring no store down, and let nobody in', async t => {
  const { statuses, problems } = await fuzzRequests({ dir: t.testdir(), seed: 21, count: 4_000 })
  t.same(problems, [])
  for (const status of [200, 204, 400, 401, 403, 429])
    t.ok((statuses.get(status) ?? 0) > 10, `${statuses.get(status)} times ${status}`)
})
