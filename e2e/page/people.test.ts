// The status, the first start, keyboard and screen readers, languages, prefix and tenants, and bad input: in a real
// browser on real stores.

import '../../test/keep-directories.ts'
import type { Page } from 'playwright-core'
import { t as root, type Test } from 'tap'
import { createWorkload } from '../../bench/generator.ts'
import { keyOf } from '../../packages/page/src/state/key-names.ts'
import { openLimits, startStore, type TestStore } from '../harness.ts'
import { seriousFindings } from './axe.ts'
import { ask, browserTest, editor, leave, queryOf, until, write } from './browser.ts'

root.setTimeout(150_000)

/** Below a prefix, as everything here must work there too. */
const prefix = '/logs'
const config = `${openLimits}  max_line_size: 4MB
  max_label_names_per_series: 30
  max_global_streams_per_user: 0
`
let shared: Promise<TestStore> | undefined

function sharedStore(): Promise<TestStore> {
  shared ??= startFilled(root)
  return shared
}

async function startFilled(t: Parameters<typeof startStore>[0] & Pick<Test, 'testdir'>) {
  const store = await startStore(t, { dir: t.testdir(), config, prefix })
  const { bodies } = createWorkload({ seed: 3, megabytes: 2, startMs: Date.now() - 3_600_000 })
  for (const body of bodies) {
    await store.request('/logs/loki/api/v1/push', {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(body),
    })
  }
  return store
}

async function push(
  store: TestStore,
  streams: readonly { stream: Record<string, string>; lines: readonly string[] }[],
  { path = prefix, tenant = '' } = {},
): Promise<void> {
  const startNs = BigInt(Date.now()) * 1_000_000n
  const body = {
    streams: streams.map(({ stream, lines }) => ({
      stream,
      values: lines.map((line, i) => [String(startNs + BigInt(i)), line]),
    })),
  }
  const { status, body: text } = await store.request(`${path}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'X-Scope-OrgID': tenant },
    body: JSON.stringify(body),
  })
  if (status !== 204) throw new Error(`${status}: ${text}`)
}

const rows = (page: Page) => page.locator('.item > .row')
const hashOf = (query: string, range = 'from=now-2h&to=now') =>
  `#/explore?q=${encodeURIComponent(query)}&${range}`

browserTest('8. Status: what is stored, who sends, what goes when', async (t, open) => {
  const store = await sharedStore()
  const page = await open(store.url, { hash: '#/status' })
  await page.getByText('ready', { exact: true }).waitFor()
  const clients = page.getByRole('region', { name: 'Who sends lines' }).first()
  await clients.getByRole('row').nth(1).waitFor()
  const text = await page.locator('.status').innerText()
  for (const part of [
    'Disk',
    'free',
    'Lines stay',
    'Compaction',
    new Date().toISOString().slice(0, 10),
  ]) {
    t.match(text, part)
  }
  t.match(await clients.innerText(), 'node')
  t.equal(await page.getByRole('link', { name: '/metrics' }).getAttribute('href'), 'metrics')
})

browserTest(
  '8. First start: an empty store says how to send lines, and shows the first',
  async (t, open) => {
    const store = await startStore(t, { dir: t.testdir() })
    const page = await open(store.url)
    await page.getByRole('heading', { name: 'No lines yet' }).waitFor()
    const commands = await page.locator('.command code').allInnerTexts()
    t.equal(commands.length, 3)
    t.same(await seriousFindings(page), [], 'axe')
    for (const command of commands) t.match(command, store.url)
    t.equal(await page.getByRole('button', { name: /^Copy:/ }).count(), 3)
    await push(store, [{ stream: { app: 'hello' }, lines: ['hello, Skald'] }], { path: '' })
    await page.locator('.line', { hasText: 'hello, Skald' }).waitFor()
  },
)

browserTest('9. Keyboard: every action has a key, and ? lists them', async (t, open) => {
  const store = await sharedStore()
  const page = await open(store.url, { hash: hashOf('{namespace=~".+"}') })
  await rows(page).first().waitFor()
  await editor(page).waitFor()
  await page.keyboard.press('?')
  const listed = await page.getByRole('dialog').locator('kbd').allInnerTexts()
  t.same(listed, Object.values(keyOf))
  t.equal(new Set(listed).size, listed.length, 'no key has two actions')
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })

  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.locator('.item.cursor[data-index="1"]').waitFor()
  await page.keyboard.press('Enter')
  await page.locator('.field-table').waitFor()
  await page.keyboard.press('c')
  await page.locator('.context .row').first().waitFor()
  await page.keyboard.press('f')
  t.equal(await page.locator('.fields').count(), 0)
  await page.keyboard.press('h')
  t.equal(await page.locator('.histogram').count(), 0)
  await page.keyboard.press('w')
  await page.locator('.lines.wrapped').waitFor()
  await page.keyboard.press('o')
  await page.waitForURL(/order=oldest/)
  for (const [key, view] of [
    ['2', 'patterns'],
    ['3', 'labels'],
    ['4', 'status'],
    ['1', 'explore'],
  ] as const) {
    await page.keyboard.press(key)
    await page.waitForURL(new RegExp(`#/${view}`))
  }
  const isWriting = `document.activeElement?.matches('.query-field')`
  // Keys of fast fingers come before the next draw; from the status, the query is one key away.
  for (const keys of ['2/', '412/', '4/']) {
    await page.evaluate(`for (const key of '${keys}') {
      document.dispatchEvent(new KeyboardEvent('keydown', { key }))
    }`)
    await until(page, isWriting)
    await page.keyboard.type('x')
    t.match(await queryOf(page), 'x', `the cursor is in the query after ${keys}`)
    await page.keyboard.press('Backspace')
    t.equal(await queryOf(page), '{namespace=~".+"}')
    await leave(page)
  }
  await page.waitForURL(/#\/explore/)
  await page.keyboard.press('g')
  await page.locator('.range-window').waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('t')
  await page.waitForURL(/live=1/)
  await page.keyboard.press('Tab')
  const outline = await page.evaluate<string>(
    'getComputedStyle(document.activeElement).outlineStyle',
  )
  t.equal(outline, 'solid', 'the focus is visible')
})

browserTest('9. axe finds nothing serious on any view, dark or light', async (t, open) => {
  const store = await sharedStore()
  const page = await open(store.url, {
    hash: hashOf('{namespace=~".+"} |= "error"'),
    colorScheme: 'dark',
  })
  await rows(page).first().waitFor()
  await editor(page).waitFor()
  await page.locator('button.time').first().click()
  await page.locator('.field-head').first().click()
  const check = async (what: string) => {
    t.same(await seriousFindings(page), [], `${what}, dark`)
    // Only colours differ.
    await page.evaluate("document.documentElement.dataset.theme = 'light'")
    t.same(await seriousFindings(page, ['color-contrast']), [], `${what}, light`)
    await page.evaluate("document.documentElement.dataset.theme = 'dark'")
  }
  await check('explore')
  await page.getByRole('button', { name: 'Show as column' }).first().click()
  await page.keyboard.press('g')
  await check('columns and range')
  await page.keyboard.press('b')
  await page.locator('.builder-label button').first().waitFor()
  await check('builder')
  await page.keyboard.press('b')
  for (const [key, name] of [
    ['s', 'saved'],
    ['e', 'export'],
    ['y', 'why'],
    ['?', 'keys'],
  ] as const) {
    await page.keyboard.press(key)
    await page.getByRole('dialog').waitFor()
    await check(name)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  await page.keyboard.press('t')
  await page.locator('.live-bar').waitFor()
  await check('live')
  await page.keyboard.press('2')
  await page.locator('.pattern, .nothing').first().waitFor()
  await check('patterns')
  await page.keyboard.press('3')
  await page.locator('.label-values li').first().waitFor()
  await check('labels')
  await page.keyboard.press('4')
  await page.locator('.card').first().waitFor()
  await check('status')
  await page.keyboard.press('1')
  await ask(page, 'sum by (app) (rate({namespace=~".+"}[5m]))')
  await page.locator('.plot canvas').waitFor()
  await check('chart')
})

browserTest('9. People: 360 pixels, light and dark, Korean', async (t, open) => {
  const store = await sharedStore()
  const page = await open(store.url, {
    width: 360,
    height: 740,
    locale: 'ko-KR',
    colorScheme: 'light',
  })
  await rows(page).first().waitFor()
  await page.getByRole('button', { name: '실행' }).waitFor()
  t.equal(await page.evaluate('document.documentElement.lang'), 'ko')
  for (const view of ['탐색', '패턴', '레이블', '상태']) {
    await page.getByRole('navigation').getByRole('button', { name: view }).click()
    await page.locator('main h1, main .lines').first().waitFor()
    const [inside, outside] = await page.evaluate<[number, number]>(
      '[document.documentElement.clientWidth, document.documentElement.scrollWidth]',
    )
    t.equal(outside, inside, `${view} fits into 360 pixels`)
  }
  const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
  const light = await ground()
  await page.emulateMedia({ colorScheme: 'dark' })
  t.not(await ground(), light, 'the system decides')
  await page.keyboard.press('d')
  await page.keyboard.press('d')
  t.equal(await ground(), light, 'a person decides otherwise')
  await page.getByRole('button', { name: 'English' }).click()
  await page.getByRole('heading', { name: 'Status' }).waitFor()
})

browserTest('tenants: the page asks for one, and the session keeps it', async (t, open) => {
  const several = `${openLimits}querier: {multi_tenant_queries_enabled: true}\n`
  const store = await startStore(t, {
    ...{ dir: t.testdir(), config: several, tenants: true, prefix },
  })
  await push(store, [{ stream: { app: 'x' }, lines: ['of team one'] }], { tenant: 'one' })
  await push(store, [{ stream: { app: 'x' }, lines: ['of team two'] }], { tenant: 'two(2)' })
  const page = await open(store.url, { expectsFailures: true })
  await page.getByRole('dialog').getByLabel('Tenant').fill('two(2)')
  t.same(await seriousFindings(page), [], 'axe')
  await page.getByRole('dialog').getByRole('button', { name: 'Show' }).click()
  await page.locator('.line', { hasText: 'of team two' }).waitFor()
  t.equal(await page.getByText('of team one').count(), 0)
  await page.reload()
  await page.locator('.line', { hasText: 'of team two' }).waitFor()
  await page.keyboard.press('t')
  await page.locator('.live-state.open').waitFor()
  await push(store, [{ stream: { app: 'x' }, lines: ['not for two'] }], { tenant: 'one' })
  await push(store, [{ stream: { app: 'x' }, lines: ['live for two'] }], { tenant: 'two(2)' })
  await page.locator('.line', { hasText: 'live for two' }).waitFor()
  t.equal(await page.getByText('not for two').count(), 0)
  await page.getByRole('button', { name: 'Tenant: two(2)' }).click()
  await page.getByRole('dialog').getByLabel('Tenant').fill('one|two(2)')
  await page.getByRole('dialog').getByRole('button', { name: 'Show' }).click()
  await page.getByText('Live lines come from one tenant at a time').waitFor()
  await page.locator('.line', { hasText: 'of team one' }).waitFor()
  await page.locator('.line', { hasText: 'of team two' }).waitFor()
  await ask(page, 'sum by (__tenant_id__) (count_over_time({app="x"}[1h]))')
  await page.getByText('__tenant_id__="one"').first().waitFor()
})

browserTest(
  'bad input: markup, directions, a line of 1 MB and 20,000 labels are text',
  async (t, open) => {
    const store = await sharedStore()
    const script = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'
    await push(store, [
      {
        stream: { app: 'bad', html: script, direction: '\u202egnp.exe\u200b\u2066' },
        lines: [
          script,
          `{"html": ${JSON.stringify(script)}, "<b>key</b>": "<i>value</i>"}`,
          '\u202e right to left \u200b zero \u0000 and \u2028 odd',
          'b'.repeat(1_000_000),
        ],
      },
    ])
    const page = await open(store.url, { hash: hashOf('{app="bad"}') })
    await rows(page).nth(3).waitFor()
    for (let i = 0; i < 4; i++)
      await page
        .locator('button.time')
        .nth(i)
        .click({ position: { x: 40, y: 8 } })
    await page.keyboard.press('w')
    t.equal(await page.locator('.lines script, .lines img, .lines b, .lines i').count(), 0)
    t.ok((await page.getByText('<script>window.hacked').count()) > 0)
    await page.keyboard.press('3')
    await page.locator('.label-values li').first().waitFor()
    await page.locator('.label-name', { hasText: 'html' }).first().click()
    await page.getByText('<script>').first().waitFor()
    t.equal(await page.evaluate('window.hacked'), undefined)

    const streams = Array.from({ length: 20_000 }, (_, i) => ({
      stream: { app: 'many', id: `value-${i}` },
      lines: [`line ${i}`],
    }))
    for (let i = 0; i < streams.length; i += 5000) await push(store, streams.slice(i, i + 5000))
    await page.keyboard.press('1')
    await ask(page, '{app="many"}')
    await page
      .locator('.line', { hasText: /^line \d+$/ })
      .first()
      .waitFor()
    await page.keyboard.press('3')
    await page.locator('.label-names .label-name', { hasText: '20,000 values' }).waitFor()
    t.ok((await page.locator('.label-values li').count()) <= 200)
    await page.getByPlaceholder('Search').fill('value-19999')
    await page.locator('.label-values li', { hasText: 'value-19999' }).waitFor()
    await page.getByText('more than 1,000 values').waitFor()
    t.equal(await page.locator('.error-box').count(), 0, 'no volumes that the store would refuse')
  },
)

browserTest('bad answers: 400, 429, 503 and nothing are said in words', async (t, open) => {
  const store = await sharedStore()
  let status = 0
  let refusals = 0
  const page = await open(store.url, {
    hash: hashOf('{namespace=~".+"}'),
    expectsFailures: true,
    before: page =>
      page.route('**/query_range*', async route => {
        if (status === 0) return route.continue()
        if (status === -1) return route.abort()
        refusals++
        return route.fulfill({ status, headers: { 'Retry-After': '0.01' }, body: 'the reason' })
      }),
  })
  await rows(page).first().waitFor()
  const box = page.locator('.error-box')
  const run = async (next: number, text: RegExp) => {
    status = next
    refusals = 0
    await page.keyboard.press('r')
    await box.getByText(text).waitFor()
  }
  await editor(page).waitFor()
  await run(429, /too much to do: the reason/)
  t.ok(refusals > 1, 'it was asked again')
  await run(503, /not ready: the reason/)
  await run(-1, /does not answer/)
  status = 0
  await box.getByRole('button', { name: 'Try again' }).click()
  await rows(page).first().waitFor()
  await ask(page, '{namespace=~".+"} |')
  await box.getByText(/parse error/).waitFor()
  await write(page, '{namespace=~".+"} | json')
  await leave(page)
  await page.keyboard.press('r')
  await rows(page).first().waitFor()
})
