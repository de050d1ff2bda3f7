// Entries of a shared catalog without their work: segments that nobody wrote, and segments under many names.

import { linkSync, unlinkSync } from 'node:fs'
import pg from 'pg'
import { compactTierBytesMax } from '../../packages/store/src/limits.ts'
import { encodeChange } from '../../packages/store/src/scaled/change-codec.ts'
import type { Cluster } from './cluster.ts'
import { growSegment } from './grown-segment.ts'

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
 * Enters the merged segments of a store again, as large as merges make them and under many names, so that it seems to have
 * `times` as many lines. No replica may run meanwhile. Returns how many segments are entered, and their bytes.
 */
export async function multiplySegments({ bucket, postgres }: Cluster, times: number) {
  const client = await connect(postgres.url)
  const { rows } = await client.query<{ segment: EnteredSegment }>(
    `SELECT a AS segment FROM skald.changes, json_array_elements(change->'added') AS a
       JOIN skald.segments ON name = a->>'name' WHERE removed IS NULL AND change->>'kind' = 'segments'`,
  )
  await client.end()
  const entries: { readonly name: string; readonly change: string; readonly bytes: number }[] = []
  for (const { segment } of rows) {
    const copies = Math.max(1, Math.floor(compactTierBytesMax / segment.sizeBytes))
    const path = bucket.pathOf(keyPrefix + segment.name)
    const grown = `${path}.grown`
    const sizeBytes = await growSegment(path, grown, copies)
    for (let n = 0; n < Math.round(times / copies); n++) {
      const name = nameOf(entries.length, segment.level)
      linkSync(grown, bucket.pathOf(keyPrefix + name))
      const parts = segment.parts.map(part => ({
        ...part,
        rows: part.rows * copies,
        bytes: part.bytes * copies,
      }))
      const added = [{ ...segment, name, sizeBytes, parts }]
      const change = JSON.stringify({ kind: 'segments', added, removed: [] })
      entries.push({ name, change, bytes: sizeBytes })
    }
    unlinkSync(grown)
  }
  await enterAll(postgres.url, entries.length, i => entries[i]!)
  return {
    segmentCount: rows.length + entries.length,
    storedBytes: [
      ...rows.map(({ segment }) => segment.sizeBytes),
      ...entries.map(e => e.bytes),
    ].reduce((sum, bytes) => sum + bytes, 0),
  }
}

/** An entry of the catalog, as far as it matters here. */
interface EnteredSegment {
  readonly name: string
  readonly level: number
  readonly sizeBytes: number
  readonly parts: readonly { readonly rows: number; readonly bytes: number }[]
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
