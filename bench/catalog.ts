// Measures labels, their values, series and the selection of one stream in a store with very many
// streams, and the memory that the store needs for them.

import { snappyCompress } from '@skald/wire'
import { ask, type Spread, spread } from './ask.ts'
import { ByteWriter, varintBytes } from './byte-writer.ts'
import { readCpuSeconds, readPeakRssBytes } from './cpu.ts'
import { pushAll } from './ingest.ts'
import type { BenchOptions } from './options.ts'
import { HttpClient, type StoreServer } from './server.ts'
import { manyStreamApps, manyStreamText } from './streams.ts'

/** One question about the streams and what its answer cost. */
export interface CatalogAnswer {
  readonly name: string
  readonly wallMs: Spread
  readonly cpuMs: Spread
  /** Most wall time that it may take. Absent if it has no target. */
  readonly wallMsMax: number | undefined
}

/** What a store with very many streams costs. */
export interface CatalogResult {
  readonly streamCount: number
  readonly entryCount: number
  /** From the first push to the last answer, and the CPU until all is merged. */
  readonly pushSeconds: number
  readonly cpuSeconds: number
  readonly peakRssBytes: number
  /** The same after all questions. */
  readonly lastRssBytes: number
  readonly answers: readonly CatalogAnswer[]
}

const secondsPerDay = 86_400
/** Streams whose entries travel together. */
const streamsPerPush = 5000
const lookupMsMax = 50
const selectorMsMax = 20

/** Pushes a day of very many streams, and asks about them. */
export async function runCatalog(
  server: StoreServer,
  options: BenchOptions,
): Promise<CatalogResult> {
  const { streamCount, entryCount, connectionCount, repetitions } = options
  const client = new HttpClient(server.url, connectionCount, options.headers)
  try {
    // Yesterday, so that all of it is past and lies on one day.
    const startSeconds = (Math.floor(Date.now() / 1000 / secondsPerDay) - 1) * secondsPerDay
    const startMs = performance.now()
    const entriesEach = Math.round(entryCount / streamCount)
    const bodies = {
      count: Math.ceil(streamCount / streamsPerPush),
      read: (index: number) => {
        const first = index * streamsPerPush
        const last = Math.min(streamCount, first + streamsPerPush)
        // Pods live for minutes, so each push has other streams.
        const seconds = startSeconds + Math.floor((first / streamCount) * (secondsPerDay - 3600))
        return catalogBody({ first, last, seconds, entriesEach })
      },
    }
    await pushAll(server, bodies, { connectionCount, headers: options.headers })
    const pushSeconds = (performance.now() - startMs) / 1000
    await client.send('/flush')
    const cpuSeconds = readCpuSeconds(server.pid)
    const peakRssBytes = readPeakRssBytes(server.pid)
    const answers: CatalogAnswer[] = []
    for (const question of questionsOf({ streamCount, entryCount, startSeconds })) {
      answers.push(await measure(client, server.pid, { question, repetitions }))
    }
    const lastRssBytes = readPeakRssBytes(server.pid)
    return {
      ...{ streamCount, entryCount, pushSeconds, cpuSeconds, peakRssBytes, lastRssBytes, answers },
    }
  } finally {
    client.close()
  }
}

interface Question {
  readonly name: string
  readonly path: string
  /** How many things the answer lists. */
  readonly count: number
  readonly wallMsMax?: number
}

function questionsOf({
  streamCount,
  entryCount,
  startSeconds,
}: {
  readonly streamCount: number
  readonly entryCount: number
  readonly startSeconds: number
}): Question[] {
  const range = { start: String(startSeconds), end: String(startSeconds + secondsPerDay - 1) }
  const api = (path: string, params: Readonly<Record<string, string>> = {}) =>
    `/loki/api/v1/${path}?${new URLSearchParams({ ...range, ...params })}`
  const apps = Math.min(manyStreamApps, Math.ceil(streamCount / 2))
  const ofApp = Math.ceil((streamCount - 2 * 17) / (2 * apps)) * 2
  const one = manyStreamText(Math.floor(streamCount / 2))
  const entriesOfOne = entryCount / streamCount
  return [
    { name: 'labels', path: api('labels'), count: 6, wallMsMax: lookupMsMax },
    {
      ...{ name: 'values of app', path: api('label/app/values') },
      ...{ count: apps, wallMsMax: lookupMsMax },
    },
    {
      name: 'values of pod, of one app',
      path: api('label/pod/values', { query: '{app="app-17"}' }),
      ...{ count: ofApp / 2, wallMsMax: lookupMsMax },
    },
    {
      name: 'series of one app',
      path: api('series', { 'match[]': '{app="app-17"}' }),
      ...{ count: ofApp, wallMsMax: lookupMsMax },
    },
    {
      name: 'selector for one stream',
      path: api('query_range', { query: one, limit: '1000' }),
      ...{ count: Math.min(1000, entriesOfOne), wallMsMax: selectorMsMax },
    },
    { name: 'values of pod', path: api('label/pod/values'), count: Math.ceil(streamCount / 2) },
  ]
}

async function measure(
  client: HttpClient,
  pid: number,
  { question, repetitions }: { readonly question: Question; readonly repetitions: number },
): Promise<CatalogAnswer> {
  const { name, path, count, wallMsMax } = question
  const wallMs: number[] = []
  const cpuMs: number[] = []
  for (let run = 0; run < repetitions; run++) {
    const asked = await ask(client, pid, path)
    const found = countAnswer(asked.answer.body)
    if (asked.answer.status !== 200 || found !== count) {
      throw new Error(
        `${name}: ${asked.answer.status}, ${found} found, expected ${count}: ${asked.answer.body.slice(0, 300)}`,
      )
    }
    wallMs.push(asked.wallMs)
    cpuMs.push(asked.cpuMs!)
  }
  return { name, wallMs: spread(wallMs), cpuMs: spread(cpuMs), wallMsMax }
}

/** Counts the names, values, series or entries of an answer. */
function countAnswer(body: string): number {
  const { data } = JSON.parse(body) as {
    readonly data: readonly unknown[] | { readonly result: readonly { values: unknown[] }[] }
  }
  if (!('result' in data)) return data.length
  return data.result.reduce((sum, { values }) => sum + values.length, 0)
}

const tagStreams = 0x0a
const tagLabels = 0x0a
const tagEntries = 0x12
const tagTimestamp = 0x0a
const tagSeconds = 0x08
const tagNanos = 0x10
const tagLine = 0x12

/** Builds a push whose streams all have the same lines at the same times: only labels differ. */
function catalogBody(push: {
  readonly first: number
  readonly last: number
  readonly seconds: number
  readonly entriesEach: number
}): Buffer {
  const entries = new ByteWriter(4096)
  for (let i = 0; i < push.entriesEach; i++) {
    const line = Buffer.from(`GET /item/${i} 200 ${(i * 37) % 900} ms`)
    const seconds = push.seconds + i
    const nanos = 1_000_000 * (i + 1)
    const timeBytes = 2 + varintBytes(seconds) + varintBytes(nanos)
    entries.byte(tagEntries).varint(2 + timeBytes + 1 + varintBytes(line.length) + line.length)
    entries.byte(tagTimestamp).byte(timeBytes).byte(tagSeconds).varint(seconds)
    entries.byte(tagNanos).varint(nanos)
    entries.byte(tagLine).varint(line.length).raw(line, line.length)
  }
  const body = new ByteWriter(4 << 20)
  for (let stream = push.first; stream < push.last; stream++) {
    const labels = Buffer.from(manyStreamText(stream))
    body.byte(tagStreams).varint(1 + varintBytes(labels.length) + labels.length + entries.length)
    body.byte(tagLabels).varint(labels.length).raw(labels, labels.length)
    body.raw(entries.bytes, entries.length)
  }
  return snappyCompress(body.bytes.subarray(0, body.length))
}
