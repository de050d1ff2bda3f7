import { coloursFor } from '@skald/wire'
import { test } from 'tap'
import { formatBar } from '../src/progress.ts'

test('formatBar shows the share that is read', async t => {
  const colours = coloursFor({}, {})
  const bar = (read: number, total: number) => formatBar(read, total, colours)
  t.equal(bar(0, 36e6), `[${'░'.repeat(30)}]   0 %  0.0 of 36.0 MB, 36.0 left`)
  t.equal(bar(12e6, 36e6), `[${'█'.repeat(10)}${'░'.repeat(20)}]  33 %  12.0 of 36.0 MB, 24.0 left`)
  t.equal(bar(36e6, 36e6), `[${'█'.repeat(30)}] 100 %  36.0 of 36.0 MB, 0.0 left`)
  t.equal(
    bar(40e6, 36e6),
    `[${'█'.repeat(30)}] 100 %  36.0 of 36.0 MB, 0.0 left`,
    'files may grow meanwhile',
  )
  t.equal(bar(0, 0), `[${'█'.repeat(30)}] 100 %  0.0 of 0.0 MB, 0.0 left`)
})
