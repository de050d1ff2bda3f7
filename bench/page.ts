// Measures the page in Chromium: the first lines, scrolling over 100,000 rows, the memory of the tab, a live tail.

import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CDPSession, chromium, type Page } from 'playwright-core'
import { type Spread, spread } from './ask.ts'
import type { Server } from './server.ts'
import type { Row } from './table.ts'

/** What was measured. Times are milliseconds. */
export interface PageResult {
  /** From the load event of the page to the first line on the screen; negative if the lines were earlier. */
  readonly firstLinesMs: Spread
  /** The same, from the begin of the navigation. */
  readonly fromStartMs: Spread
  readonly rows: number
  /** Frames per second while scrolling, without those that waited for the store. */
  readonly frames: Spread
  readonly heapBytes: number
  /** From the click to the first line of a live tail. */
  readonly liveMs: Spread
  readonly tail: {
    readonly seconds: number
    readonly sent: number
    readonly received: number
    readonly dropped: number
    readonly breaks: number
    readonly frames: Spread
  }
}

export interface PageBenchOptions {
  readonly repetitions: number
  /** How long the live tail runs. */
  readonly tailSeconds: number
}

const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync)
const wantedRows = 100_000
const linesPerSecond = 5_000

/** Says why the page cannot be measured; `undefined` if it can. */
export function pageIsMissing(): string | undefined {
  return executablePath ? undefined : 'there is no Chromium'
}

/** Records when the first line is on the screen. */
const watchFirstLine = `new MutationObserver((_, observer) => {
  if (!document.querySelector('.item')) return
  observer.disconnect()
  requestAnimationFrame(() => requestAnimationFrame(() => { globalThis.firstLineMs = performance.now() }))
}).observe(document, { childList: true, subtree: true })`

/** Measures the page of a store that has lines. */
export async function runPageBench(server: Server, options: PageBenchOptions): Promise<PageResult> {
  const browser = await chromium.launch({
    executablePath: executablePath!,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  try {
    const hash = `#/explore?q=${encodeURIComponent('{namespace=~".+"}')}&from=now-3h&to=now`
    const firsts: { firstMs: number; loadMs: number }[] = []
    for (let i = 0; i <= options.repetitions; i++) {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
      await page.addInitScript(watchFirstLine)
      await page.goto(`${server.url}/${hash}`)
      while (!(await page.evaluate<boolean>('globalThis.firstLineMs > 0'))) await sleep(20)
      const first = await page.evaluate<{ firstMs: number; loadMs: number }>(
        `({ firstMs: firstLineMs, loadMs: performance.getEntriesByType('navigation')[0].loadEventEnd })`,
      )
      // The first opens the browser's own parts.
      if (i > 0) firsts.push(first)
      await page.close()
    }
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(`${server.url}/${hash}`)
    await page.locator('.item').first().waitFor()
    const scrolled = await scroll(page)
    const heapBytes = await heapOf(await page.context().newCDPSession(page))
    await page.close()
    const live = await measureLive(await browser.newPage(), server, options)
    return {
      firstLinesMs: spread(firsts.map(({ firstMs, loadMs }) => firstMs - loadMs)),
      fromStartMs: spread(firsts.map(({ firstMs }) => firstMs)),
      ...scrolled,
      heapBytes,
      ...live,
    }
  } finally {
    await browser.close()
  }
}

/** Scrolls fifteen rows a frame, as a fast wheel does, until enough rows were seen. */
async function scroll(page: Page): Promise<{ rows: number; frames: Spread }> {
  const { rows, frames } = await page.evaluate<{ rows: number; frames: number[] }>(`(async () => {
    const list = document.querySelector('.lines')
    const frames = []
    const frame = () => new Promise(resolve => requestAnimationFrame(resolve))
    const endMs = performance.now() + 400_000
    let lastMs = await frame()
    const seen = () => Number([...list.querySelectorAll('.item')].at(-1)?.dataset.index ?? 0)
    while (seen() < ${wantedRows} && performance.now() < endMs) {
      list.scrollTop += 330
      const ms = await frame()
      frames.push(1000 / (ms - lastMs))
      lastMs = ms
    }
    return { rows: seen(), frames }
  })()`)
  return { rows, frames: spread(frames) }
}

async function heapOf(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.enable')
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return usedSize
}

async function measureLive(
  page: Page,
  server: Server,
  { repetitions, tailSeconds }: PageBenchOptions,
): Promise<Pick<PageResult, 'liveMs' | 'tail'>> {
  await push(server, 1, 0)
  await page.goto(`${server.url}/#/explore?q=${encodeURIComponent('{app="bench-page"}')}`)
  await page.locator('.item').first().waitFor()
  const starts: number[] = []
  for (let i = 0; i < repetitions; i++) {
    starts.push(
      await page.evaluate<number>(`(async () => {
        const beginMs = performance.now()
        document.querySelector('.live-button').click()
        while (!document.querySelector('.live-state.open') || !document.querySelector('.item')) {
          await new Promise(resolve => requestAnimationFrame(resolve))
        }
        return performance.now() - beginMs
      })()`),
    )
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.locator('.item').first().waitFor()
  }
  await page.evaluate(`document.querySelector('.live-button').click()`)
  await page.locator('.live-state.open').waitFor()
  await page.evaluate(`(() => {
    globalThis.breaks = 0
    globalThis.frames = []
    new MutationObserver(() => {
      if (!document.querySelector('.live-state.open')) globalThis.breaks++
    }).observe(document.querySelector('.live-state'), { attributes: true })
    let lastMs = performance.now()
    const frame = ms => {
      globalThis.frames.push(1000 / (ms - lastMs))
      lastMs = ms
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })()`)
  let sent = 0
  const beginMs = performance.now()
  while (performance.now() - beginMs < tailSeconds * 1000) {
    await push(server, linesPerSecond / 10, sent)
    sent += linesPerSecond / 10
    await sleep(Math.max(0, beginMs + (sent / linesPerSecond) * 1000 - performance.now()))
  }
  const seconds = (performance.now() - beginMs) / 1000
  await sleep(1000)
  const end = await page.evaluate<{
    received: number
    dropped: number
    breaks: number
    frames: number[]
  }>(`({
    received: Number(document.querySelector('.live-bar .count').dataset.count),
    dropped: document.querySelector('.live-bar .warning') ? 1 : 0,
    breaks: globalThis.breaks,
    frames: globalThis.frames.slice(2),
  })`)
  return {
    liveMs: spread(starts),
    // The line that was there before came too.
    tail: { ...end, received: end.received - 1, seconds, sent, frames: spread(end.frames) },
  }
}

async function push(server: Server, count: number, from: number): Promise<void> {
  const startNs = BigInt(Date.now()) * 1_000_000n
  const values = Array.from({ length: count }, (_, i) => [
    String(startNs + BigInt(i)),
    `level=info msg="line of the live tail" number=${from + i} trace=${(from + i) * 7919}`,
  ])
  const response = await fetch(`${server.url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [{ stream: { app: 'bench-page' }, values }] }),
  })
  if (response.status !== 204) throw new Error(`${response.status}: ${await response.text()}`)
}

/** The figures and their targets. */
export function pageRows(result: PageResult): Row[] {
  const { firstLinesMs, fromStartMs, rows, frames, heapBytes, liveMs, tail } = result
  const times = ({ median, min, max }: Spread) =>
    `${Math.round(median)} (${Math.round(min)}-${Math.round(max)})`
  const megabytes = heapBytes / 1e6
  return [
    {
      figure: 'first lines, from the load of the page',
      value: `${times(firstLinesMs)} ms`,
      ...{ target: '<= 300 ms', isMet: firstLinesMs.median <= 300 },
    },
    { figure: 'first lines, from the click on a link', value: `${times(fromStartMs)} ms` },
    {
      figure: 'rows scrolled over',
      value: rows.toLocaleString('en'),
      ...{ target: `>= ${wantedRows.toLocaleString('en')}`, isMet: rows >= wantedRows },
    },
    {
      figure: 'frames per second while scrolling',
      value: times(frames),
      ...{ target: '>= 60', isMet: Math.round(frames.median) >= 60 },
    },
    {
      figure: 'heap of the tab after that',
      value: `${megabytes.toFixed(0)} MB`,
      ...{ target: '< 150 MB', isMet: megabytes < 150 },
    },
    {
      figure: 'live, from the click to the first line',
      value: `${times(liveMs)} ms`,
      ...{ target: '<= 200 ms', isMet: liveMs.median <= 200 },
    },
    {
      figure: `live for ${Math.round(tail.seconds)} s`,
      value: `${tail.received} of ${tail.sent} lines, ${Math.round(tail.sent / tail.seconds)}/s, ${tail.breaks} breaks, ${times(tail.frames)} frames/s`,
      ...{
        target: 'all, 0 breaks',
        isMet: tail.received === tail.sent && tail.breaks === 0 && tail.dropped === 0,
      },
    },
  ]
}
