// Catalogs of several replicas over one PostgreSQL, for tests.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { createLabelSet, formatLabelSet } from '@skald/wire'
import type { CatalogSegment, MergeTicket } from '../../src/catalog/catalog.ts'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { nsPerDay } from '../../src/day.ts'
import { CatalogUnavailableError } from '../../src/errors.ts'
import { type Database, openPostgres } from '../../src/scaled/postgres.ts'
import { SharedCatalog } from '../../src/scaled/shared-catalog.ts'
import { enterProcess, migrateTables } from '../../src/scaled/tables.ts'
import { segmentName } from '../../src/segment/name.ts'
import { createTestLogger, type TestScope } from '../harness.ts'

export const day = 20_000
export const dayRange = { startNs: BigInt(day) * nsPerDay, endNs: BigInt(day + 1) * nsPerDay }

/** A database whose answers can get lost. */
export class LossyDatabase implements Database {
  /** Answers to lose, after the statement was run. */
  lost = 0
  /** Whether nothing arrives. */
  isAway = false
  asked = 0
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async query<Row>(statement: Parameters<Database['query']>[0]): Promise<Row[]> {
    this.asked++
    if (this.isAway) throw new CatalogUnavailableError('nobody answers')
    const rows = await this.#database.query<Row>(statement)
    if (this.lost === 0) return rows
    this.lost--
    throw new CatalogUnavailableError('the answer got lost')
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

export interface TestCatalog {
  readonly catalog: SharedCatalog
  readonly database: LossyDatabase
  /** Number of the process. */
  readonly epoch: number
  readonly renewals: () => number
  /** How often the catalog said that the database has lost changes. */
  readonly losses: () => number
  readonly messages: () => string[]
}

/** Opens the catalog of one replica. */
export async function openShared(
  t: TestScope & { testdir(): string },
  url: string,
): Promise<TestCatalog> {
  const { logger, messages } = createTestLogger()
  const config = { postgresUrl: url, passwordFile: '', commitIntervalMs: 250 }
  const database = new LossyDatabase(await openPostgres(config, logger))
  await migrateTables(database)
  const [head] = await database.query<{ store: string }>({ text: 'SELECT store FROM skald.head' })
  const epoch = await enterProcess(database)
  // The process in the names of `segment`.
  await database.query({
    text: "INSERT INTO skald.replicas (epoch, name, migrations) OVERRIDING SYSTEM VALUE VALUES (0, 'test', 99) ON CONFLICT DO NOTHING",
  })
  const newCopy = () =>
    openSqliteCatalog(join(mkdtempSync(join(testDirOf(t), 'copy-')), 'c.sqlite'))
  let renewals = 0
  let losses = 0
  const catalog = new SharedCatalog({
    ...{ database, logger, copy: newCopy(), store: head!.store, epoch },
    onLost: () => losses++,
    renewCopy: async () => {
      renewals++
      // What a copy from the bucket would have: the floor.
      const copy = newCopy()
      const [kept] = await database.query<{ floor: string }>({
        text: 'SELECT floor FROM skald.head',
      })
      const change = { kind: 'deletes-forgotten', beforeMs: 0 } as const
      copy.applyChanges([{ version: Number(kept!.floor), enteredMs: 0, change }])
      return copy
    },
  })
  await catalog.sync()
  t.teardown(async () => {
    await catalog.close()
    await database.close()
  })
  return { catalog, database, epoch, renewals: () => renewals, losses: () => losses, messages }
}

const testDirs = new WeakMap<object, string>()

function testDirOf(t: TestScope): string {
  const dir = testDirs.get(t) ?? t.testdir()
  testDirs.set(t, dir)
  return dir
}

/** Begins a merge that nobody else has begun. */
export async function beginMerge(
  catalog: SharedCatalog,
  inputs: readonly string[],
  output: Pick<CatalogSegment, 'name'>,
): Promise<MergeTicket> {
  const ticket = await catalog.beginMerge({ inputs, outputs: [output.name] })
  if (ticket === 'taken') throw new Error('another merge has begun')
  return ticket
}

/** Describes a segment with one line of some streams. */
export function segment(
  number: number,
  apps: readonly string[],
  { level = 0, sequence = 0 } = {},
): CatalogSegment {
  const minNs = dayRange.startNs + 5n
  const streams = apps.map(app => {
    const labels = createLabelSet({ app })
    return { labels, labelsText: formatLabelSet(labels), minNs, maxNs: minNs }
  })
  const part = { tenant: 'a', day, minNs, maxNs: minNs, rowCount: 1, lineBytes: 1, streams }
  const name = segmentName(1_000_000_000_000_000 + number, level)
  return { name, level, sequence, version: 2, sizeBytes: 10, createdMs: 0, parts: [part] }
}
