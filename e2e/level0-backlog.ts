// A backlog of level 0: segments that replicas took and nobody has merged yet, written straight into a bucket and a
// PostgreSQL, because pushing so many would take minutes.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CatalogSegment } from '../packages/store/src/catalog/catalog.ts'
import { Committer } from '../packages/store/src/ingest/committer.ts'
import { replicaNumbers, replicaNumbersFrom } from '../packages/store/src/limits.ts'
import { encodeChange } from '../packages/store/src/scaled/change-codec.ts'
import { acceptedStream, createTestLogger } from '../packages/store/test/harness.ts'
import type { PostgresServer } from '../test/postgres-server.ts'
import type { TestBucket } from './versitygw-process.ts'

export interface Backlog {
  readonly bucket: TestBucket
  readonly postgres: PostgresServer
  readonly segments: number
  /** Time of the first line. Each further one is a millisecond later. */
  readonly firstNs: bigint
  /** Of the only stream of the tenant `fake`. */
  readonly app: string
}

/** Adds segments with one line each: `line 0`, `line 1`. The tables must exist, and no replica may be at work. */
export async function addBacklog(backlog: Backlog): Promise<void> {
  const { bucket, postgres, segments, firstNs, app } = backlog
  const epoch = Number(
    await postgres.sql("INSERT INTO skald.replicas (name) VALUES ('backlog') RETURNING epoch"),
  )
  let number = replicaNumbersFrom + epoch * replicaNumbers
  const directory = bucket.pathOf('skald/scaled/segments')
  mkdirSync(directory, { recursive: true })
  let waiting: CatalogSegment[] = []
  const committer = new Committer({
    objects: {
      put: async (name: string, pieces: Iterable<Buffer>) =>
        writeFileSync(join(directory, name), Buffer.concat([...pieces])),
    } as never,
    catalog: {
      addSegments: async (added: readonly CatalogSegment[]) => void waiting.push(...added),
    } as never,
    clock: Date,
    logger: createTestLogger().logger,
    nextSequence: () => ++number,
    arriving: () => 0,
    onCommit: () => undefined,
    pace: { intervalMs: 0, compression: 'zstd', orderedBy: 'catalog' },
  })
  const labels = { app, service_name: app }
  for (let i = 0; i < segments; i++) {
    const line = `line ${i}`
    const row = [firstNs + BigInt(i) * 1_000_000n, line] as const
    await committer.add('fake', [acceptedStream(labels, [row])], line.length)
    if (waiting.length < 1000 && i < segments - 1) continue
    await postgres.sql(enterStatement(waiting))
    waiting = []
  }
}

/** Returns SQL that enters each segment with a change. */
function enterStatement(segments: readonly CatalogSegment[]): string {
  const rows = segments.map(({ createdMs: _, ...segment }, i) => {
    const change = encodeChange({ kind: 'segments', added: [segment], removed: [] })
    return `(${i + 1}, '${segment.name}', '${change.replaceAll("'", "''")}'::json)`
  })
  return `WITH rows (i, name, change) AS (VALUES ${rows.join(',')}),
      head AS (SELECT version FROM skald.head),
      changes AS (INSERT INTO skald.changes (version, id, change)
        SELECT version + i, gen_random_uuid(), change FROM rows, head),
      segments AS (INSERT INTO skald.segments (name, made) SELECT name, version + i FROM rows, head)
    UPDATE skald.head SET version = version + ${segments.length}`
}
