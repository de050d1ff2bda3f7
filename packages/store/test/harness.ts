// Shared code for the store's tests: streams as a push brings them, the parts of a store on real
// files, and whole stores that stop after the test.

import '../../../test/keep-directories.ts'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createLabelSet, formatLabelSet, type PushStream, PushStreamBuilder } from '@skald/wire'
import type { LightMyRequestResponse } from 'fastify'
import { type Logger, pino } from 'pino'
import { openSqliteCatalog, type SqliteCatalog } from '../src/catalog/sqlite.ts'
import { loadStoreConfig } from '../src/config.ts'
import type { AcceptedStream } from '../src/ingest/accepted-stream.ts'
import { type CommitPace, Committer } from '../src/ingest/committer.ts'
import { type DiskObjectStore, openDiskObjectStore } from '../src/objects/disk.ts'
import type { StoreFiles } from '../src/objects/files.ts'
import type { ReplicaServers } from '../src/scaled/replica.ts'
import { SegmentIndex } from '../src/segment-index.ts'
import { type Store, startStore } from '../src/store.ts'

/** The part of a tap test that the harness needs. */
export interface TestScope {
  testdir(): string
  teardown(close: () => unknown): void
}

/** Midnight of a past day on which the tests write their lines. */
export const day = 20_000
export const dayNs = 86_400_000_000_000n
export const midnightNs = BigInt(day) * dayNs

export type Row = readonly [timeNs: bigint, line: string, metadata?: Record<string, string>]
export type Labels = Readonly<Record<string, string>>

/** Builds a stream as in a decoded push. */
export function pushStream(labels: Labels | string, rows: readonly Row[]): PushStream {
  const builder = new PushStreamBuilder()
  let offset = 0
  for (const [timeNs, line, metadata] of rows) {
    const nanos = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    const length = Buffer.byteLength(line)
    builder.add(Number((timeNs - nanos) / 1_000_000_000n), Number(nanos), offset, length)
    if (metadata)
      builder.setMetadata(Object.entries(metadata).map(([name, value]) => ({ name, value })))
    offset += length
  }
  const text = typeof labels === 'string' ? labels : formatLabelSet(createLabelSet(labels))
  builder.endStream(text, Buffer.from(rows.map(([, line]) => line).join('')))
  return builder.build()[0]!
}

/** Builds a stream after validation, with all rows accepted. */
export function acceptedStream(
  labels: Labels,
  rows: readonly Row[],
  { wantsLevels = true } = {},
): AcceptedStream {
  const source = pushStream(labels, rows)
  const labelSet = createLabelSet(labels)
  return {
    labels: labelSet,
    labelsText: source.labelsText,
    source,
    rows: undefined,
    lengths: source.lineLengths,
    metadata: source.metadata?.map(pairs => pairs && [...pairs]),
    wantsLevels,
  }
}

/** The storage of a store without background work. */
export interface StorageParts {
  readonly dir: string
  readonly segmentsDir: string
  readonly objects: DiskObjectStore
  readonly catalog: SqliteCatalog
  readonly segments: SegmentIndex
  readonly committer: Committer
  readonly nextSequence: () => number
  /** Returns all messages logged so far. */
  readonly messages: () => string[]
  /** Commits streams of a tenant. */
  push(tenant: string, ...streams: readonly AcceptedStream[]): Promise<void>
}

/** Opens storage in a directory of the test or in an existing one. */
export async function openStorage(
  t: TestScope,
  {
    dir = t.testdir(),
    arriving = (): number => 0,
    firstSequence = 1,
    pace = {},
  }: {
    readonly dir?: string
    readonly arriving?: () => number
    readonly firstSequence?: number
    readonly pace?: Partial<CommitPace>
  } = {},
): Promise<StorageParts> {
  const segmentsDir = join(dir, 'segments')
  await mkdir(segmentsDir, { recursive: true })
  const objects = await openDiskObjectStore(segmentsDir)
  const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  t.teardown(async () => {
    await catalog.close()
    await objects.close()
  })
  let sequence = firstSequence - 1
  const nextSequence = () => ++sequence
  const { logger, messages } = createTestLogger()
  const segments = new SegmentIndex(objects, catalog, logger)
  const committer = new Committer({
    objects,
    catalog,
    clock: { now: () => Date.now() },
    logger,
    nextSequence,
    arriving,
    pace,
    onCommit: ({ name, footer }) => segments.commit(name, footer),
  })
  const push = (tenant: string, ...streams: readonly AcceptedStream[]) => {
    const bytes = streams.reduce((sum, { source }) => sum + source.bytes.length, 0)
    return committer.add(tenant, streams, bytes)
  }
  return { dir, segmentsDir, objects, catalog, segments, committer, nextSequence, messages, push }
}

/** Creates a logger that keeps its messages. */
export function createTestLogger(): { logger: Logger; messages: () => string[] } {
  const lines: string[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  return { logger, messages: () => lines.map(line => (JSON.parse(line) as { msg: string }).msg) }
}

export interface TestStore extends Store {
  readonly dir: string
  readonly messages: () => string[]
  /** Pushes JSON and returns the answer. */
  push(streams: readonly JsonStream[], tenant?: string): Promise<LightMyRequestResponse>
  get(
    path: string,
    params?: Readonly<Record<string, string>>,
    tenant?: string,
  ): Promise<LightMyRequestResponse>
  /** Returns the lines of a selector on the tests' day (or in the range), oldest first. */
  lines(query: string, range?: { start?: bigint; end?: bigint; tenant?: string }): Promise<string[]>
}

export interface JsonStream {
  readonly stream: Labels
  readonly values: readonly (readonly [string, string, Labels?])[]
}

/** Converts rows to a stream of a JSON push. */
export function jsonStream(stream: Labels, rows: readonly Row[]): JsonStream {
  const values = rows.map(([timeNs, line, metadata]) =>
    metadata ? ([String(timeNs), line, metadata] as const) : ([String(timeNs), line] as const),
  )
  return { stream, values }
}

/** Starts a store on a free loopback port. It stops with the test. */
export async function startTestStore(
  t: TestScope,
  {
    dir = t.testdir(),
    yaml = 'auth_enabled: false',
    server = '',
    files,
    servers,
  }: {
    readonly dir?: string
    readonly yaml?: string
    readonly server?: string
    readonly files?: StoreFiles
    readonly servers?: ReplicaServers
  } = {},
): Promise<TestStore> {
  const text = `${yaml}
server: {http_listen_address: 127.0.0.1, http_listen_port: 0, ${server}}
common: {path_prefix: ${JSON.stringify(dir)}}
`
  const { logger, messages } = createTestLogger()
  const loaded = loadStoreConfig(text, 'test.yaml')
  const store = await startStore({
    loaded,
    logger,
    version: '1.2.3',
    ...(files && { files }),
    ...(servers && { servers }),
  })
  t.teardown(() => store.stop())
  const headersOf = (tenant: string | undefined) => (tenant ? { 'x-scope-orgid': tenant } : {})
  const push: TestStore['push'] = (streams, tenant) =>
    store.app.inject({
      method: 'POST',
      url: '/loki/api/v1/push',
      headers: { 'content-type': 'application/json', ...headersOf(tenant) },
      payload: JSON.stringify({ streams }),
    })
  const get: TestStore['get'] = (path, params = {}, tenant) =>
    store.app.inject({
      url: `${path}?${new URLSearchParams(params).toString()}`,
      headers: headersOf(tenant),
    })
  const lines: TestStore['lines'] = async (query, { start, end, tenant } = {}) => {
    const params = {
      query,
      start: String(start ?? midnightNs),
      end: String(end ?? midnightNs + dayNs),
      limit: '5000',
      direction: 'forward',
    }
    const answer = await get('/loki/api/v1/query_range', params, tenant)
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${answer.body}`)
    const { data } = answer.json<{ data: { result: { values: [string, string][] }[] } }>()
    return data.result
      .flatMap(({ values }) => values)
      .sort(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0))
      .map(([, line]) => line)
  }
  return { ...store, dir, messages, push, get, lines }
}
