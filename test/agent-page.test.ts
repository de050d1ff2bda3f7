// Every row of docs/agent-features.md names existing tests, or says why there is none.

import { test } from 'tap'
import { problemOfTest, readPage } from './named-tests.ts'

/** Features of Promtail that the agent may omit: those of one vendor's cloud. */
const leftOut = [47, 48, 49]

const page = readPage('docs/agent-features.md')
const rows = [...page.matchAll(/^\| (\d+) \| (.+?) \| (yes|partly|no) \| (.+?) \| (.*) \|$/gm)].map(
  ([, number, what = '', promtail = '', here = '', tests = '']) => ({
    ...{ number: Number(number), what, promtail, here },
    tests: tests === '–' ? [] : tests.split(/; (?=`)/),
  }),
)

test('docs/agent-features.md has 120 rows, in order', async t => {
  t.same(
    rows.map(({ number }) => number),
    Array.from({ length: 120 }, (_, i) => i + 1),
  )
})

test('each row says whether the feature exists here, and only a vendor’s are omitted', async t => {
  for (const { number, promtail, here } of rows) {
    t.match(here, /^(yes|better|own|no)\b/, `row ${number}`)
    if (here.startsWith('no')) t.match(here, /^no: ..../, `row ${number} gives a reason`)
    if (here.startsWith('own')) t.equal(promtail, 'no', `row ${number}: Promtail has none`)
  }
  const missing = rows.filter(({ promtail, here }) => promtail !== 'no' && here.startsWith('no'))
  t.same(
    missing.map(({ number }) => number),
    leftOut,
  )
})

test('each supported feature names existing tests', async t => {
  for (const { number, here, tests } of rows) {
    t.equal(tests.length > 0, !here.startsWith('no'), `row ${number} has tests`)
    for (const text of tests) {
      const [, file = '', name = ''] = /^`(\S+)` :: (.+)$/.exec(text) ?? []
      t.equal(problemOfTest(file, name), undefined, `row ${number}`)
    }
  }
})
