// npm run pictures: makes the pictures of docs/page.md, from a store with lines of the benchmark, in Chromium.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createWorkload } from '../bench/generator.ts'
import { startStoreServer } from '../bench/server.ts'

const images = new URL('images/', import.meta.url).pathname
const sizes = [
  { name: 'wide', width: 1280, height: 800 },
  { name: 'narrow', width: 390, height: 800 },
] as const
const everything = '{namespace=~".+"}'

interface Picture {
  readonly name: string
  readonly hash: string
  /** What must be on the screen. */
  readonly shows: string
  /** What to do first. */
  readonly before?: (page: Page) => Promise<unknown>
}

const hashOf = (view: string, query: string) =>
  `#/${view}?q=${encodeURIComponent(query)}&from=now-1h&to=now`

const pictures: readonly Picture[] = [
  { name: 'explore', hash: hashOf('explore', everything), shows: '.item' },
  {
    name: 'line',
    hash: hashOf('explore', `${everything} |= "call failed"`),
    shows: '.field-table',
    before: async page => page.locator('button.time').nth(2).click(),
  },
  {
    name: 'chart',
    hash: hashOf('explore', `sum by (app) (rate(${everything}[5m]))`),
    shows: '.plot canvas',
  },
  { name: 'patterns', hash: hashOf('patterns', everything), shows: '.pattern' },
  {
    name: 'labels',
    hash: hashOf('labels', everything),
    shows: '.label-values li',
    before: async page => page.getByRole('button', { name: /^pod / }).click(),
  },
  { name: 'status', hash: '#/status', shows: '.card' },
]

async function take(browser: Browser, url: string): Promise<void> {
  for (const { name: size, width, height } of sizes) {
    for (const { name, hash, shows, before } of pictures) {
      // Light and dark in turn: both are ours.
      const colorScheme = name === 'labels' || name === 'chart' ? 'light' : 'dark'
      const page = await browser.newPage({ viewport: { width, height }, colorScheme })
      await page.goto(`${url}/${hash}`)
      await before?.(page)
      await page.locator(shows).first().waitFor()
      await page.waitForTimeout(1_000)
      await page.screenshot({ path: join(images, `page-${name}-${size}.png`) })
      await page.close()
    }
  }
}

const workDir = mkdtempSync(join(tmpdir(), 'skald-pictures-'))
const server = await startStoreServer(workDir, join(workDir, 'data'))
try {
  mkdirSync(images, { recursive: true })
  const { bodies } = createWorkload({ seed: 1, megabytes: 12, startMs: Date.now() - 3_600_000 })
  for (const body of bodies) {
    const headers = { 'content-type': 'application/x-protobuf' }
    const push = { method: 'POST', headers, body: new Uint8Array(body) }
    const { status } = await fetch(`${server.url}/loki/api/v1/push`, push)
    if (status !== 204) throw new Error(`A push was answered ${status}`)
  }
  const args = ['--no-sandbox', '--disable-dev-shm-usage']
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args })
  try {
    await take(browser, server.url)
  } finally {
    await browser.close()
  }
} finally {
  await server.process.end('SIGTERM')
  rmSync(workDir, { recursive: true })
}
