// What people do with the page, in a real browser on a real store: one test for each of the first seven points of
// docs/page.md. people.test.ts has the others.

import '../../test/keep-directories.ts'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { t as root } from 'tap'
import { createWorkload } from '../../bench/generator.ts'
import { openLimits, startStore, type TestStore } from '../harness.ts'
import { accept, ask, browserTest, editor, queryOf, until, write } from './browser.ts'

root.setTimeout(150_000)

const workload = createWorkload({ seed: 7, megabytes: 6, startMs: Date.now() - 3_600_000 })
let shared: Promise<TestStore> | undefined

/** The store of all tests, with an hour of lines and some strange ones. */
function sharedStore(): Promise<TestStore> {
  shared ??= (async () => {
    const store = await startStore(root, { dir: root.testdir(), config: openLimits })
    for (const body of workload.bodies) await store.pushBytes(body, 'application/x-protobuf')
    await push(store, { app: 'colours', pod: 'c-1' }, [
      '\u001b[31mred alert\u001b[0m and \u001b[1;32mgreen\u001b[0m',
      `level=info msg="a long one" text="${'x'.repeat(5000)}"`,
    ])
    return store
  })()
  return shared
}

function push(store: TestStore, stream: Record<string, string>, lines: readonly string[]) {
  const startNs = BigInt(Date.now()) * 1_000_000n
  const values = lines.map((line, i) => [String(startNs + BigInt(i)), line])
  return store.pushBytes(JSON.stringify({ streams: [{ stream, values }] }), 'application/json')
}

/** The times on the screen, without the levels before them. */
async function timesOf(page: Page): Promise<string[]> {
  const texts = await page.locator('.item .time').allInnerTexts()
  return texts.map(text => /\d{4}-[\s\S]*/.exec(text)![0].replaceAll(/\s/g, ''))
}

const rows = (page: Page) => page.locator('.item > .row')
const appOf = (kind: 'json' | 'logfmt') => {
  const stream = workload.streams.find(other => other.kind === kind)!
  return stream.labels.find(({ name }) => name === 'app')!.value
}
const jsonApp = appOf('json')
const logfmtApp = appOf('logfmt')
const everything = '{namespace=~".+"}'

browserTest(
  '1. Explore: lines are there without a click, and a query is written with help',
  async (t, open) => {
    // While somebody types, the store is asked about queries that are not right yet.
    const page = await open((await sharedStore()).url, { expectsFailures: true })
    await rows(page).first().waitFor()
    t.equal(await queryOf(page), '{service_name=~".+"}')

    await write(page, '{namesp')
    await accept(page, 'namespace')
    await page.keyboard.type('"sh')
    await accept(page, 'shop')
    await page.keyboard.press('End')
    await page.keyboard.type(' | js')
    await page.locator('.cm-completionInfo', { hasText: 'Reads the line as JSON' }).waitFor()
    await accept(page, 'json')
    await page.keyboard.type(' | stat')
    await accept(page, /^status/)
    await page.keyboard.type('500')
    t.equal(await queryOf(page), '{namespace="shop"} | json | status=500')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page.locator('.line', { hasText: '"status":500' }).first().waitFor()
    t.match(page.url(), /q=%7Bnamespace%3D%22shop%22%7D/)

    await write(page, '{namespace="shop"} | json | | x')
    await page.locator('.cm-lintRange-error').first().waitFor()

    await write(page, 'sum by (app) (ra')
    await page.getByRole('option', { name: 'rate', exact: true }).waitFor()
    await page.keyboard.press('Escape')

    await page.getByRole('button', { name: 'Saved queries' }).click()
    await page.locator('.query-item', { hasText: 'status=500' }).click()
    t.equal(await queryOf(page), '{namespace="shop"} | json | status=500', 'the history has it')
  },
)

browserTest('1. Explore: the builder writes the query, and ranges are chosen', async (t, open) => {
  const page = await open((await sharedStore()).url)
  await rows(page).first().waitFor()
  await page.getByRole('button', { name: 'Build a query' }).click()
  await page.locator('.builder').getByRole('button', { name: 'app', exact: true }).click()
  await page.getByRole('checkbox', { name: 'orders' }).check()
  await page.getByRole('checkbox', { name: 'carts' }).check()
  await page.getByLabel('Lines contain').fill('order accepted')
  await editor(page).waitFor()
  t.equal(await queryOf(page), '{app=~"orders|carts"} |= "order accepted"')
  await page.locator('.builder').getByRole('button', { name: 'Show' }).click()
  await page.locator('.line mark', { hasText: 'order accepted' }).first().waitFor()
  await page.getByRole('button', { name: 'Build a query' }).click()

  const range = page.locator('.range-button')
  await range.click()
  await page.getByRole('button', { name: 'Last 15m' }).click()
  await page.waitForURL(/from=now-15m/)
  await range.click()
  await page.getByRole('button', { name: 'Since I opened the page' }).click()
  await page.waitForURL(/from=\d{19}&to=now/)
  await page.goBack()
  await page.waitForURL(/from=now-15m/)
  t.match(await range.innerText(), 'Last 15m')
  await page.getByRole('button', { name: 'Earlier' }).click()
  await page.waitForURL(/from=\d{19}&to=\d{19}/)

  await range.click()
  await page.getByLabel('From').fill('2020-01-01T00:00:00')
  await page.getByLabel('To', { exact: true }).fill('2020-01-02T00:00:00')
  await page.getByRole('button', { name: 'Apply' }).click()
  // Midnight in Seoul.
  await page.waitForURL(/from=1577804400000000000/)
  await page.getByText('Nothing found in this range').waitFor()
})

browserTest('2. Lines: they scroll on and on, and a line shows its fields', async (t, open) => {
  const store = await sharedStore()
  const page = await open(store.url, {
    hash: `#/explore?q=${encodeURIComponent(everything)}&from=now-2h&to=now`,
  })
  await rows(page).first().waitFor()
  const count = async () =>
    Number((await page.locator('.lines-bar .count').innerText()).replace(/\D/g, ''))
  // Until there are ten pages, however slow the machine is.
  for (let i = 0; i < 200 && (await count()) <= 5_000; i++) {
    await page.evaluate(`document.querySelector('.lines').scrollTop = 1e9`)
    await sleep(50)
  }
  t.ok((await count()) > 5_000, `${await count()} lines were loaded by scrolling`)
  t.ok((await rows(page).count()) < 200, 'only those on the screen are drawn')
  const times = await timesOf(page)
  t.same(times, times.toSorted().reverse(), 'the newest are on top')

  await ask(page, `{app="${jsonApp}"} | detected_level="error"`)
  await page.locator('.row.level-error').first().waitFor()
  await rows(page).first().locator('.time').click()
  const table = page.locator('.field-table').first()
  await table.getByRole('button', { name: 'Show as column: trace_id' }).click()
  await page
    .locator('.cell', { hasText: /^[0-9a-f]{32}$/ })
    .first()
    .waitFor()
  const grip = page.getByRole('separator', { name: 'Width: trace_id' })
  await grip.focus()
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight')
  t.equal(await grip.getAttribute('aria-valuenow'), '240')
  await page.reload()
  await page.locator('.cell').first().waitFor()
  t.equal(await grip.getAttribute('aria-valuenow'), '240', 'the width is kept')

  await rows(page).first().locator('.time').click()
  await table.getByRole('button', { name: 'Only with: msg' }).click()
  await page.waitForURL(/json/)
  t.match(await queryOf(page), /\| detected_level="error" \| json \| msg="/)
  await rows(page).first().locator('.time').click()
  await table.getByRole('button', { name: 'Only without: logger' }).click()
  await page.waitForURL(/logger/)
  t.match(await queryOf(page), /\| json \| msg="[^"]*" \| logger!="/)
})

browserTest('2. Lines: colours, marks, wrapping, folding, times', async (t, open) => {
  const page = await open((await sharedStore()).url, {
    hash: `#/explore?q=${encodeURIComponent('{app="colours"} |~ "alert|long"')}&from=now-1h&to=now`,
  })
  await rows(page).first().waitFor()
  t.equal((await page.locator('.ansi-red').allInnerTexts()).join(''), 'red alert')
  t.equal(await page.locator('.ansi-green.ansi-bold').innerText(), 'green')
  t.same((await page.locator('.line mark').allInnerTexts()).sort(), ['alert', 'long'])
  t.notMatch(await page.locator('.lines').innerText(), '\u001b')
  await page.getByText(/… 3,0\d\d more characters/).waitFor()

  const line = rows(page).first().locator('.line')
  const before = (await line.boundingBox())!.height
  await page.getByRole('button', { name: 'Wrap long lines' }).click()
  await until(
    page,
    `document.querySelector('.line').getBoundingClientRect().height > ${before * 2}`,
  )
  const time = page.locator('button.time').first()
  const local = await time.innerText()
  await page.keyboard.press('u')
  await page.getByRole('button', { name: 'Times: UTC' }).waitFor()
  const utc = await time.innerText()
  const hour = (text: string) => Number(/ (\d\d):/.exec(text)![1])
  t.equal((hour(local) - hour(utc) + 24) % 24, 9, 'Seoul is nine hours ahead')
  t.match(utc.replaceAll('\n', ''), /\d\d:\d\d:\d\d\.\d{9}$/, 'times have nanoseconds')
})

browserTest('2. Lines: the lines around one, and a link to it', async (t, open) => {
  const store = await sharedStore()
  const page = await open(store.url, {
    hash: `#/explore?q=${encodeURIComponent(`${everything} |= "${workload.needle}"`)}&from=now-2h&to=now`,
  })
  await page.locator('.line mark', { hasText: workload.needle }).waitFor()
  await page.locator('button.time').click()
  await page.getByRole('button', { name: 'Around it' }).click()
  await page.locator('.context .row').nth(19).waitFor()
  t.equal(await page.locator('.context .row').count(), 20, 'ten on each side')
  const own = /pod\s+label|pod/i
  t.match(await page.locator('.field-table').innerText(), own)
  await page.getByRole('button', { name: 'More around it' }).click()
  await page.locator('.context .row').nth(39).waitFor()
  await page.getByRole('button', { name: 'All streams' }).click()
  await until(page, `document.querySelectorAll('.context .row').length === 20`)
  const times = await timesOf(page)
  t.same(times, times.toSorted().reverse(), 'the context is in order')

  const link = await page.evaluate<string>(`(() => {
    let copied = ''
    navigator.clipboard.writeText = async text => { copied = text }
    const buttons = [...document.querySelectorAll('.detail button')]
    buttons.find(button => button.textContent.includes('Copy link')).click()
    return copied
  })()`)
  const identity = /line=([^&]+)/.exec(link)![1]
  // Among all lines, in another browser.
  const from = `${(BigInt(workload.options.startMs) - 1000n) * 1_000_000n}`
  const to = `${BigInt(Date.now()) * 1_000_000n}`
  const other = await open(store.url, {
    hash: `#/explore?q=${encodeURIComponent(everything)}&from=${from}&to=${to}&line=${identity}`,
  })
  const target = other.locator('.item.cursor')
  await target.locator('.line', { hasText: workload.needle }).waitFor()
  t.equal(await other.locator('.field-table').count(), 1, 'its fields are unfolded')
  const count = async () =>
    Number((await other.locator('.lines-bar .count').innerText()).replaceAll(/\D/g, ''))
  const before = await count()
  await other.getByRole('button', { name: 'Load newer lines' }).click()
  for (let i = 0; i < 100 && (await count()) < before + 200; i++) await sleep(50)
  t.ok((await count()) >= before + 200, 'newer lines came')
})

browserTest(
  '3. Histogram and charts: bars by level, a drag zooms, samples are drawn in four ways',
  async (t, open) => {
    const page = await open((await sharedStore()).url, {
      hash: `#/explore?q=${encodeURIComponent(`${everything} |= "job"`)}&from=now-2h&to=now`,
    })
    await page.locator('.histogram[aria-busy="false"] .bar').first().waitFor()
    const answer = await (await sharedStore()).query('query', {
      query: `sum(count_over_time(${everything} |= "job" [3h]))`,
    })
    const total = Number(answer.result[0]!.value![1])
    t.match(
      await page.locator('.histogram-total').innerText(),
      `${total.toLocaleString('en-US')} lines`,
    )
    const legend = await page.locator('.legend-level').allInnerTexts()
    t.equal(
      legend.reduce((sum, text) => sum + Number(text.replaceAll(/\D/g, '')), 0),
      total,
    )

    const box = (await page.locator('.bars-drawing').boundingBox())!
    await page.mouse.move(box.x + box.width * 0.6, box.y + 30)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.75, box.y + 30, { steps: 4 })
    await page.mouse.up()
    await page.waitForURL(/from=\d{19}&to=\d{19}/)
    const [, from, to] = /from=(\d+)&to=(\d+)/.exec(page.url())!
    const minutes = Number(BigInt(to!) - BigInt(from!)) / 60e9
    t.ok(minutes >= 16 && minutes <= 24, `${minutes} minutes of 120`)

    await ask(page, `sum by (app) (rate(${everything}[5m]))`)
    await page.locator('.plot canvas').waitFor()
    t.ok((await page.locator('.u-legend .u-series').count()) > 8)
    await page.getByRole('button', { name: 'Bars' }).click()
    await page.waitForURL(/chart=bars/)
    await page.locator('.plot canvas').waitFor()
    await page.getByRole('button', { name: 'Table' }).click()
    t.match(
      await page.locator('.samples tbody tr').first().innerText(),
      /\{app="[a-z-]+"\}\s+[\d.]+/,
    )
    await ask(page, `sum(count_over_time(${everything}[1m]))`)
    await page.getByRole('button', { name: 'Number' }).click()
    t.match(await page.locator('.big-number').innerText(), /^[\d,.]+$/)
  },
)

browserTest(
  '4. Live: starts at once, keeps up, pauses on scroll, and comes back',
  async (t, open) => {
    const store = await startStore(t, { dir: t.testdir(), config: openLimits })
    await push(store, { app: 'stream' }, ['the first'])
    const page = await open(store.url, {
      hash: `#/explore?q=${encodeURIComponent('{app="stream"}')}`,
      expectsFailures: true,
    })
    await rows(page).first().waitFor()
    const startedMs = await page.evaluate<number>(`(async () => {
    const beginMs = performance.now()
    document.querySelector('.live-button').click()
    while (!document.querySelector('.live-state.open') || !document.querySelector('.item')) {
      await new Promise(resolve => requestAnimationFrame(resolve))
    }
    return performance.now() - beginMs
  })()`)
    t.comment(`live after ${Math.round(startedMs)} ms`)
    t.ok(startedMs < 1500, 'bench -- page measures the 200 ms on a quiet machine')

    for (let i = 0; i < 20; i++) {
      await push(
        store,
        { app: 'stream' },
        Array.from({ length: 500 }, (_, k) => `live ${i * 500 + k}`),
      )
    }
    await page.locator('.live-bar .count', { hasText: '10,001' }).waitFor()
    await page.locator('.line', { hasText: /^live 9999$/ }).waitFor()
    t.equal(await page.locator('.live-bar .warning').count(), 0, 'nothing was left out')

    await page.evaluate(`document.querySelector('.lines').scrollTop = 2000`)
    await page.getByRole('button', { name: /^Go on/ }).waitFor()
    await push(store, { app: 'stream' }, ['waits 1', 'waits 2', 'waits 3'])
    await page.getByRole('button', { name: 'Go on (3 new)' }).click()
    await page.locator('.line', { hasText: 'waits 3' }).waitFor({ state: 'attached' })

    await store.kill()
    await page.getByText('interrupted, connecting again').waitFor()
    await store.start()
    await page.locator('.live-state.open').waitFor({ timeout: 20_000 })
    await page.evaluate(`document.querySelector('.lines').scrollTop = 0`)
    await push(store, { app: 'stream' }, ['after the break'])
    await page.locator('.line', { hasText: 'after the break' }).waitFor()
  },
)

browserTest('5. Fields, patterns and labels', async (t, open) => {
  const store = await sharedStore()
  const page = await open(store.url, {
    hash: `#/explore?q=${encodeURIComponent(`{app="${jsonApp}"}`)}&from=now-2h&to=now`,
  })
  const field = page.locator('.field', {
    has: page.locator('.field-name', { hasText: /^method$/ }),
  })
  await field.locator('.field-head').click()
  await field.locator('.share-value', { hasText: 'GET' }).waitFor()
  await field.getByRole('button', { name: 'Count all' }).click()
  await field.getByText('all lines of the range').waitFor()
  const counts = await store.query('query', {
    query: `sum(count_over_time({app="${jsonApp}"} | json | method="GET" [3h]))`,
  })
  const gets = Number(counts.result[0]!.value![1]).toLocaleString('en-US')
  t.match(await field.locator('.field-share', { hasText: 'GET' }).innerText(), gets)
  await field.getByRole('button', { name: 'Only with: method=GET' }).click()
  await page.waitForURL(/method/)
  t.equal(await queryOf(page), `{app="${jsonApp}"} | json | method="GET"`)

  await ask(page, `{app="${logfmtApp}"}`)
  await page.getByRole('button', { name: 'Patterns' }).click()
  const pattern = page.locator('.pattern', { hasText: 'job finished' }).first()
  await pattern.waitFor()
  t.ok(Number((await pattern.locator('.pattern-count').innerText()).replaceAll(/\D/g, '')) >= 30)
  t.equal(await pattern.locator('.curve polyline').count(), 1)
  await pattern.getByRole('button', { name: /^Only with:/ }).click()
  await page.locator('.line', { hasText: 'job finished' }).first().waitFor()
  t.match(await queryOf(page), '|> "')

  await ask(page, everything)
  await page.getByRole('button', { name: 'Labels' }).click()
  await page.locator('.label-names').getByRole('button', { name: /^app / }).click()
  const first = page.locator('.label-values li').first()
  await first.getByText('%').waitFor()
  const bytes = await store.request(
    `/loki/api/v1/index/volume?query=${encodeURIComponent(everything)}&targetLabels=app&limit=1&since=3h`,
  )
  const { data } = JSON.parse(bytes.body) as { data: { result: { metric: { app: string } }[] } }
  t.match(await first.innerText(), data.result[0]!.metric.app, 'the largest writer is on top')
  await first.getByRole('button').click()
  await page.waitForURL(/explore/)
  t.match(await queryOf(page), `app="${data.result[0]!.metric.app}"`)
})

browserTest('6. Why it is slow: blocks, bytes and time of the query', async (t, open) => {
  const page = await open((await sharedStore()).url, {
    hash: `#/explore?q=${encodeURIComponent(`${everything} |= "nowhere-to-be-found"`)}&from=now-2h&to=now`,
  })
  await page.getByText('Nothing found').waitFor()
  await page.keyboard.press('y')
  const why = page.getByRole('dialog')
  await why.getByText(/The store read \d+ of \d+ blocks/).waitFor()
  const text = await why.innerText()
  for (const part of [
    'left out by filters',
    'outside of the time range',
    'read and search blocks',
    'decompressed',
    'CPU',
  ]) {
    t.match(text, part)
  }
})

browserTest('7. Saved queries, the URL, and an export of any length', async (t, open) => {
  const store = await sharedStore()
  const query = `{app="${jsonApp}"}`
  const page = await open(store.url, {
    hash: `#/explore?q=${encodeURIComponent(query)}&from=now-2h&to=now`,
    // The window of the system cannot be clicked.
    before: page => page.addInitScript('delete globalThis.showSaveFilePicker'),
  })
  await rows(page).first().waitFor()
  await page.keyboard.press('s')
  await page.getByLabel('Name').fill('all orders')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('button', { name: 'Close' }).click()
  await page.reload()
  await rows(page).first().waitFor()
  t.equal(await queryOf(page), query, 'the URL has the query')
  await page.keyboard.press('s')
  await page.getByRole('dialog').getByText('all orders').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()

  const answer = await store.query('query', { query: `sum(count_over_time(${query}[3h]))` })
  const total = Number(answer.result[0]!.value![1])
  for (const format of ['NDJSON', 'Text', 'CSV']) {
    await page.keyboard.press('e')
    await page.getByRole('radio', { name: format }).check()
    const downloads = page.waitForEvent('download')
    await page.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).click()
    const path = await (await downloads).path()
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    t.equal(lines.length, total + (format === 'CSV' ? 1 : 0), `${format}: each line once`)
    if (format === 'NDJSON')
      t.match(JSON.parse(lines[0]!), { labels: { app: jsonApp }, line: /^\{/ })
    await page.getByRole('button', { name: 'Close' }).click()
  }

  // Each page of the export waits, so that there is time to stop it.
  await page.route('**/query_range*limit=5000*', async route => {
    await sleep(400)
    await route.continue()
  })
  await ask(page, everything)
  await rows(page).first().waitFor()
  await page.keyboard.press('e')
  const downloads = page.waitForEvent('download')
  await page.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).click()
  await page.locator('progress').waitFor()
  await page.getByText(/^[5-9],\d{3} lines|^1\d,\d{3} lines/).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  const part = readFileSync(await (await downloads).path(), 'utf8')
    .trimEnd()
    .split('\n')
  t.ok(
    part.length >= 5000 && part.length < workload.lineCount,
    `${part.length} lines before the stop`,
  )
})
