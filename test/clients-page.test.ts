// Every row of docs/clients.md names an existing test.

import { test } from 'tap'
import { problemOfTest, readPage } from './named-tests.ts'

const page = readPage('docs/clients.md')
const rows = [...page.matchAll(/^\| (\d+) \| (.+?) \| `(\S+)` :: (.+) \|$/gm)].map(
  ([, number, what = '', file = '', name = '']) => ({ number: Number(number), what, file, name }),
)

test('docs/clients.md has 122 rows, in order', async t => {
  t.same(
    rows.map(({ number }) => number),
    Array.from({ length: 122 }, (_, i) => i + 1),
  )
})

test('each row names an existing test, and no two rows the same', async t => {
  const seen = new Set<string>()
  for (const { number, file, name } of rows) {
    t.equal(problemOfTest(file, name), undefined, `row ${number}`)
    t.notOk(seen.has(`${file} ${name}`), `row ${number} has a test of its own`)
    seen.add(`${file} ${name}`)
  }
})
