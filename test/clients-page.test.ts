// Every row of docs/clients.md names a test that is there.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'

const root = new URL('../', import.meta.url)
const page = readFileSync(new URL('docs/clients.md', root), 'utf8')
const rows = [...page.matchAll(/^\| (\d+) \| (.+?) \| `(\S+)` :: (.+) \|$/gm)].map(
  ([, number, what = '', file = '', name = '']) => ({ number: Number(number), what, file, name }),
)

/** Names of the tests of a file, as they are written. */
function testNames(file: string): Set<string> {
  const text = readFileSync(new URL(file, root), 'utf8')
  const names = text.matchAll(/^\s*test\(\s*(['"`])(.*?)\1,/gms)
  return new Set([...names].map(([, , name = '']) => name))
}

test('docs/clients.md has 99 rows, in order', async t => {
  t.same(
    rows.map(({ number }) => number),
    Array.from({ length: 99 }, (_, i) => i + 1),
  )
})

test('each row names a test that is there, and no two rows the same', async t => {
  const seen = new Set<string>()
  for (const { number, file, name } of rows) {
    const path = fileURLToPath(new URL(file, root))
    t.ok(existsSync(path), `row ${number}: ${file}`)
    t.ok(testNames(file).has(name), `row ${number}: ${file} :: ${name}`)
    t.notOk(seen.has(`${file} ${name}`), `row ${number} has a test of its own`)
    seen.add(`${file} ${name}`)
  }
})
