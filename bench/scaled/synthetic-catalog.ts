// Entries of a shared catalog without their work: segments that nobody wrote, and segments under many names.

import { linkSync } from 'node:fs'
import pg from 'pg'
import { encodeChange } from '../../packages/store/src/scaled/change-codec.ts'
import type { Cluster } from './cluster.ts'

const dayNs = 86_400_000_000_000n
const dayMs = 86_400_000
/** Days over which segments are spread. */
const days = 100
/** Number of the first name. No replica gives such a number. */
const namesFrom = 2_000_000_000_000_000
const keyPrefix = 'skald/scaled/segments/'
const batchSize = 500

function nameOf(i: number, level: number): string {
  return `${namesFrom + i}-${level}.seg`
}

/** Enters segments of many streams. Their objects do not exist. */
export async function enterSegments(
  { postgres }: Pick<Cluster, 'postgres'>,
  { segmentCount, streamCount }: { readonly segmentCount: number; readonly streamCount: number },
): Promise<void> {
  const today = Math.floor(Date.now() / dayMs)
  const streamsEach = Math.ceil(streamCount / segmentCount)
  await enterAll(postgres.url, segmentCount, i => {
    const day = today - 1 - (i % days)
    const minNs = BigInt(day) * dayNs
    const times = { minNs, maxNs: minNs + dayNs - 1n }
    const streams = Array.from({ length: streamsEach }, (_, k) => {
      const stream = i * streamsEach + k
      const labelsText = `{app="app-${stream % 400}", namespace="apps", pod="app-${stream % 400}-${stream}"}`
      return { ...times, labelsText, labels: [] }
    })
    const part = { tenant: 'fake', day, ...times, rowCount: 1_000_000, lineBytes: 2e9, streams }
    const segment = { level: 4, sequence: i + 1, version: 2, sizeBytes: 500_000_000 }
    const name = nameOf(i, 4)
    const added = [{ ...segment, name, parts: [part] }]
    return { name, change: encodeChange({ kind: 'segments', added, removed: [] }) }
  })
}

/**
 * Enters the merged segments of a store again under other names, without other bytes, so that it seems to have
 * `times` as many. No replica may run meanwhile. Returns the bytes of the segments that are entered now.
 */
export async function multiplySegments({ bucket, postgres }: Cluster, times: number) {
  const client = await connect(postgres.url)
  const { rows } = await client.query<{
    segment: { name: string; level: number; sizeBytes: number }
  }>(
    `SELECT a AS segment FROM skald.changes, json_array_elements(change->'added') AS a
       JOIN skald.segments ON name = a->>'name' WHERE removed IS NULL AND change->>'kind' = 'segments'`,
  )
  await client.end()
  const segments = rows.map(({ segment }) => segment)
  await enterAll(postgres.url, segments.length * (times - 1), i => {
    const original = segments[i % segments.length]!
    const name = nameOf(i, original.level)
    linkSync(bucket.pathOf(keyPrefix + original.name), bucket.pathOf(keyPrefix + name))
    const added = [{ ...original, name }]
    return { name, change: JSON.stringify({ kind: 'segments', added, removed: [] }) }
  })
  const storedBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { segmentCount: segments.length * times, storedBytes: storedBytes * times }
}

interface Entry {
  readonly name: string
  /** The change as JSON. */
  readonly change: string
}

async function enterAll(url: string, count: number, entryOf: (i: number) => Entry): Promise<void> {
  const client = await connect(url)
  try {
    for (let from = 0; from < count; from += batchSize) {
      const batch = Array.from({ length: Math.min(batchSize, count - from) }, (_, k) =>
        entryOf(from + k),
      )
      const names = batch.map(({ name }) => name)
      // As the function `record` does it for one.
      await client.query(
        `WITH known AS (UPDATE skald.head SET version = version + $3 RETURNING version - $3 AS version),
            rows AS (SELECT known.version + n AS version, name, change FROM known,
              unnest($1::text[], $2::text[]) WITH ORDINALITY AS one (name, change, n)),
            kept AS (INSERT INTO skald.segments (name, made) SELECT name, version FROM rows)
          INSERT INTO skald.changes (version, id, change) SELECT version, gen_random_uuid(), change::json FROM rows`,
        [names, batch.map(({ change }) => change), batch.length],
      )
    }
  } finally {
    await client.end()
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}
