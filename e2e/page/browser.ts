// A real browser for tests of the page: Debian's Chromium, one for each test file.

import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { t as root, type Test, test } from 'tap'

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executablePath = paths.find(existsSync)

/** Options of tests that need a browser. */
export const needsBrowser = executablePath ? {} : { skip: 'there is no Chromium' }

export interface PageOptions {
  /** Behind the `#`. */
  readonly hash?: string
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'dark' | 'light'
  readonly locale?: string
  /** Runs before the page. */
  readonly before?: (page: Page) => Promise<unknown>
  /** Whether failed requests are a part of the test. */
  readonly expectsFailures?: boolean
}

let browser: Promise<Browser> | undefined

function launch(): Promise<Browser> {
  browser ??= chromium.launch({
    executablePath: executablePath!,
    // Tests run as root in containers, where Chromium has no sandbox and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  return browser
}

root.teardown(async () => (await browser)?.close())

/** Opens the page of a store. */
export type OpenPage = (url: string, options?: PageOptions) => Promise<Page>

/**
 * A test in a browser. At its end, no page may have reported an error, such as a breach of the content policy, or
 * have asked anybody but the store.
 */
export function browserTest(name: string, body: (t: Test, open: OpenPage) => Promise<void>): void {
  void test(name, needsBrowser, async t => {
    const contexts: BrowserContext[] = []
    const told: string[] = []
    const open: OpenPage = async (url, options = {}) => {
      const page = await createPage(options)
      contexts.push(page.context())
      watch(page, url, options.expectsFailures === true, told)
      await options.before?.(page)
      await page.goto(`${url}/${options.hash ?? ''}`)
      return page
    }
    try {
      await body(t, open)
    } finally {
      for (const context of contexts) await context.close()
    }
    t.same(told, [], 'the browser reports nothing')
  })
}

async function createPage(options: PageOptions): Promise<Page> {
  const { width = 1440, height = 900, colorScheme = 'dark', locale = 'en-US' } = options
  const context = await (await launch()).newContext({
    viewport: { width, height },
    ...{ colorScheme, locale, timezoneId: 'Asia/Seoul', acceptDownloads: true },
  })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  return page
}

function watch(page: Page, url: string, expectsFailures: boolean, told: string[]): void {
  page.on('pageerror', error => told.push(String(error.stack ?? error)))
  page.on('console', message => {
    const text = message.text()
    const { url: place } = message.location()
    // The editor has the store check a query as soon as somebody pauses, which may be in the middle of it.
    if (/status of 400/.test(text) && place.includes('/format_query?')) return
    const isFailure = /Failed to load resource|WebSocket connection/.test(text)
    if (message.type() === 'error' && !(expectsFailures && isFailure)) told.push(`${text} ${place}`)
  })
  page.on('request', request => {
    const asked = request.url()
    if (!asked.startsWith(`${url}/`) && !/^(blob|data):/.test(asked)) told.push(`asked ${asked}`)
  })
}

/** Writes a query into the field and runs it. */
export async function ask(page: Page, query: string): Promise<void> {
  await write(page, query)
  await leave(page)
  await page.getByRole('button', { name: 'Run', exact: true }).click()
}

/** Writes a query into the field, key by key. */
export async function write(page: Page, query: string): Promise<void> {
  await editor(page).press('ControlOrMeta+a')
  await page.keyboard.press('Delete')
  await page.keyboard.type(query)
}

/** Leaves the query field: the first Escape closes the list of proposals, if there is one. */
export async function leave(page: Page): Promise<void> {
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await until(page, 'document.activeElement === document.body')
}

/** Waits until an expression is true. Playwright's own way needs `eval`, which the content policy forbids. */
export async function until(page: Page, expression: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await page.evaluate<boolean>(expression)) return
    await page.waitForTimeout(50)
  }
  throw new Error(`${expression} is still false`)
}

/** Takes the proposal of the list. The list takes no key in its first moment. */
export async function accept(page: Page, name: string | RegExp): Promise<void> {
  await page.getByRole('option', { name }).first().waitFor()
  await page.waitForTimeout(150)
  await page.keyboard.press('Tab')
}

/** The query field, once the editor is loaded. */
export function editor(page: Page) {
  return page.locator('.query-field .cm-content')
}

/** Returns the text of the query field. */
export async function queryOf(page: Page): Promise<string> {
  return (await editor(page).innerText()).trim()
}
