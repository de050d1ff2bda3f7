// Everything that takes memory, at once: queries with very many series, very long lines and very many labels, tails,
// and clients that push as fast as they can. The test and the torture use it.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import type { TestStore } from './harness.ts'

/** How large a storm is. */
export interface StormSize {
  /** Lines with an id of their own. */
  readonly ids: number
  /** Lines of 200 KB. */
  readonly longLines: number
  /** Keys of one JSON line. */
  readonly keys: number
  readonly queries: number
  readonly tails: number
  /** Clients that push at full speed. */
  readonly pushers: number
}

/** What came of a storm. */
export interface StormReport {
  /** Status → count, of the heavy queries. */
  readonly statuses: ReadonlyMap<number, number>
  /** Status → count, of the pushes. */
  readonly pushes: ReadonlyMap<number, number>
  readonly pushedBytes: number
  /** Frames that tails got, and tails that ended early. */
  readonly frames: number
  readonly tailsEnded: number
  /** Answers that are wrong, in words. */
  readonly problems: readonly string[]
  readonly seconds: number
}

/** Configuration that lets all of this in. */
export const stormConfig = `limits_config:
  max_query_series: 1000000
  max_line_size: 8MB
  max_concurrent_tail_requests: 1000
  ingestion_rate_mb: 10000
  ingestion_burst_size_mb: 10000
  per_stream_rate_limit: 10GB
  per_stream_rate_limit_burst: 10GB
`

const longLineBytes = 200_000
const refusal = /^the store is short of memory \(max_memory is \d+ MiB\), and /

/** Fills a store with what the queries of a storm read. */
export async function fillForStorm(store: TestStore, size: StormSize): Promise<void> {
  for (let from = 0; from < size.ids; from += 20_000) {
    const count = Math.min(20_000, size.ids - from)
    await pushLines(store, 'orders', count, i => idLine(from + i))
  }
  for (let from = 0; from < size.longLines; from += 20) {
    const count = Math.min(20, size.longLines - from)
    await pushLines(store, 'long', count, i => longLine(from + i))
  }
  const keys = Array.from({ length: size.keys }, (_, i) => `"key_${i}":"v${i}"`)
  for (let i = 0; i < 3; i++)
    await pushLines(store, 'wide', 1, () => `{"n":${i},${keys.join(',')}}`)
  await store.request('/flush', { method: 'POST' })
}

/** Lets everything loose, and waits until all queries are answered. */
export async function runStorm(store: TestStore, size: StormSize): Promise<StormReport> {
  const started = performance.now()
  const problems: string[] = []
  const statuses = new Map<number, number>()
  const pushes = new Map<number, number>()
  const add = (counts: Map<number, number>, status: number) =>
    counts.set(status, (counts.get(status) ?? 0) + 1)
  const tails = await Promise.all(Array.from({ length: size.tails }, (_, i) => openTail(store, i)))
  let isOver = false
  let pushedBytes = 0
  const push = async (pusher: number) => {
    const line = `pusher=${pusher} ${'a line of ordinary length that is pushed at full speed '.repeat(3)}`
    while (!isOver) {
      add(pushes, await pushLines(store, `load${pusher}`, 5000, i => `${line}${i}`))
      pushedBytes += 5000 * line.length
    }
  }
  const pushing = Array.from({ length: size.pushers }, (_, i) => push(i))
  const asking = Array.from({ length: size.queries }, async (_, i) => {
    const { path, check } = heavyQuery(i, size)
    const { status, body } = await store.request(path).catch(error => ({
      status: 0,
      body: `no answer: ${(error as Error).message}`,
    }))
    add(statuses, status)
    const problem =
      status === 200
        ? check(body)
        : status === 429 && refusal.test(body)
          ? undefined
          : `${path} was answered ${status}: ${body.slice(0, 300)}`
    if (problem !== undefined) problems.push(problem)
  })
  await Promise.all(asking)
  isOver = true
  await Promise.all(pushing)
  const frames = tails.reduce((sum, tail) => sum + tail.frames(), 0)
  const tailsEnded = tails.filter(tail => tail.hasEnded()).length
  for (const tail of tails) tail.close()
  const seconds = (performance.now() - started) / 1000
  return { statuses, pushes, pushedBytes, frames, tailsEnded, problems, seconds }
}

/** Asks a normal query, as a user would after the storm. Returns how many milliseconds it took, or a problem. */
export async function askNormally(store: TestStore): Promise<number | string> {
  const started = performance.now()
  const query = 'sum by (app) (count_over_time({app="orders"} |= "id=77 " [1h]))'
  const { status, body } = await store.request(
    `/loki/api/v1/query?${new URLSearchParams({ query })}`,
  )
  if (status !== 200 || !body.includes('"value":['))
    return `answered ${status}: ${body.slice(0, 300)}`
  return performance.now() - started
}

/** Returns the largest resident size of a process so far, in MiB. */
export function peakMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
}

interface HeavyQuery {
  readonly path: string
  /** Returns what is wrong with an answer. */
  readonly check: (body: string) => string | undefined
}

/** Every query differs, so that none shares the work of another. */
function heavyQuery(i: number, { ids, longLines, keys }: StormSize): HeavyQuery {
  const not = `!= "nothing ${i}"`
  const instant = (query: string) => `/loki/api/v1/query?${new URLSearchParams({ query })}`
  const range = (query: string, limit: number) =>
    `/loki/api/v1/query_range?${new URLSearchParams({ query, limit: String(limit), since: '1h' })}`
  const count = (text: string, mark: string, wanted: number) => {
    const found = text.split(mark).length - 1
    return found === wanted ? undefined : `query ${i}: ${found} of ${wanted} ${mark}`
  }
  switch (i % 5) {
    case 0:
      return {
        path: instant(`count_over_time({app="orders"} ${not} | logfmt [1h])`),
        check: body => count(body, '"metric":', ids),
      }
    case 1: {
      const limit = Math.min(5000, longLines)
      return {
        path: range(`{app="long"} ${not}`, 5000),
        check: body => count(body, 'long line number', limit),
      }
    }
    case 2:
      return {
        path: range(`{app="wide"} ${not} | json`, 100),
        check: body => count(body, '"key_7":', 3),
      }
    case 3:
      return {
        path: instant(`sum by (key_7) (count_over_time({app="wide"} ${not} | json [1h]))`),
        check: body => count(body, '"key_7":"v7"', keys > 7 ? 1 : 0),
      }
    default:
      return {
        path: range(`{app="long"} ${not}`, 20),
        check: body => count(body, 'long line number', Math.min(20, longLines)),
      }
  }
}

async function pushLines(
  store: TestStore,
  app: string,
  count: number,
  lineOf: (index: number) => string,
): Promise<number> {
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const entries = Array.from({ length: count }, (_, i) => ({
    timestampNs: nowNs + BigInt(i),
    line: lineOf(i),
    metadata: [],
  }))
  const { status } = await store.push([{ labels: createLabelSet({ app }), entries }])
  return status
}

function idLine(id: number): string {
  return `id=${id} msg="an order was placed" took=${id % 97}ms`
}

const filling = Array.from({ length: 3000 }, (_, i) => `word${(i * 7919) % 9973}`).join(' ')
const longText = filling.repeat(Math.ceil(longLineBytes / filling.length))

function longLine(number: number): string {
  const start = (number * 97) % filling.length
  return `long line number ${number} ${longText.slice(start, start + longLineBytes)}`.slice(
    0,
    longLineBytes,
  )
}

interface OpenTail {
  frames(): number
  hasEnded(): boolean
  close(): void
}

/** Opens a tail of what the clients push. One in ten wants all of it, the others a part. */
async function openTail(store: TestStore, i: number): Promise<OpenTail> {
  const query = i % 10 === 0 ? '{app="load0"}' : `{app=~"load.*"} |= "${i % 10}7"`
  const url = `${store.url.replace('http', 'ws')}/loki/api/v1/tail?${new URLSearchParams({ query })}`
  const socket = new WebSocket(url)
  let frames = 0
  let hasEnded = false
  let isClosing = false
  socket.addEventListener('message', () => {
    frames++
  })
  socket.addEventListener('close', () => {
    hasEnded = !isClosing
  })
  await new Promise(resolve => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', resolve)
  })
  await sleep(0)
  return {
    frames: () => frames,
    hasEnded: () => hasEnded,
    close: () => {
      isClosing = true
      socket.close()
    },
  }
}
