// Ends a replica before or after one of its calls to the bucket and to PostgreSQL that change something, or lets such
// a call fail, with or without an effect. Then another replica goes on, and everything must be there once.
//
// The process is this one. A replica that has ended is cut off: no further call arrives, and no answer comes back.

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import type { PostgresServer } from '../../../../test/postgres-server.ts'
import type { Bucket } from '../../src/bucket/bucket.ts'
import { loadStoreConfig } from '../../src/config.ts'
import { BucketError, CatalogUnavailableError } from '../../src/errors.ts'
import { systemFiles } from '../../src/objects/files.ts'
import { collect } from '../../src/scaled/collector.ts'
import { type Database, openPostgres } from '../../src/scaled/postgres.ts'
import type { ReplicaServers } from '../../src/scaled/replica.ts'
import { type Store, startStore } from '../../src/store.ts'
import { MemoryBucket } from '../bucket/memory-bucket.ts'

/** `refused`: the call does nothing and fails. `unanswered`: it has its effect and fails. The others end the replica. */
export const pointModes = ['before', 'after', 'refused', 'unanswered'] as const

export interface ReplicaPoint {
  /** Number of the call, from 1. With 0, nothing happens. */
  readonly at: number
  readonly mode: (typeof pointModes)[number]
}

export interface PointOutcome {
  /** What the call was; `undefined` if the replica did not come to it. */
  readonly call: string | undefined
  readonly problems: readonly string[]
}

/** Calls that change something for others. Reads are repeated, and the network tests disturb them. */
const changing = /skald\.(record|begin_job)|skald\.jobs SET is_fenced/

/** Lets one call go wrong. */
class Fault {
  /** What went wrong. */
  call: string | undefined
  #calls = 0
  #hasEnded = false
  readonly #point: ReplicaPoint

  constructor(point: ReplicaPoint) {
    this.#point = point
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  async run<T>(
    call: { what: string; isPoint: boolean; error: Error },
    work: () => Promise<T>,
  ): Promise<T> {
    this.#check()
    const { at, mode } = this.#point
    const isLast = call.isPoint && ++this.#calls === at
    if (isLast) this.call = call.what
    if (isLast && mode === 'refused') throw call.error
    if (isLast && mode === 'before') this.#hasEnded = true
    this.#check()
    const result = await work()
    if (isLast && mode === 'unanswered') throw call.error
    if (isLast) this.#hasEnded = true
    this.#check()
    return result
  }

  #check(): void {
    if (this.#hasEnded) throw new Error('the replica has ended')
  }
}

function faultyBucket(bucket: Bucket, fault: Fault): Bucket {
  const via =
    (name: string) =>
    (...args: unknown[]) => {
      const what = `${name} ${String(args[0])}`
      const call = { what, isPoint: name === 'put', error: new BucketError(`Cannot ${what}`) }
      const work = bucket[name as 'put'] as (...all: unknown[]) => Promise<unknown>
      return fault.run(call, () => work.apply(bucket, args))
    }
  const calls = Object.fromEntries(
    ['put', 'read', 'copy', 'delete', 'list'].map(name => [name, via(name)]),
  )
  return { ...calls, place: bucket.place, close: async () => undefined } as unknown as Bucket
}

function faultyDatabase(database: Database, fault: Fault): Database {
  return {
    query: (statement, timeoutMs) => {
      const { text, values } = statement
      const what = `${changing.exec(text)?.[0]} ${String(values?.[1] ?? '').slice(0, 60)}`
      const error = new CatalogUnavailableError('nobody answers')
      const call = { what, isPoint: changing.test(text), error }
      return fault.run(call, () => database.query(statement, timeoutMs))
    },
    close: () => database.close(),
  }
}

const yaml = (dir: string, postgresUrl: string) => `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
common: {path_prefix: ${JSON.stringify(dir)}}
schema_config: {configs: [{from: 2024-01-01, store: tsdb, object_store: s3, schema: v13}]}
storage_config:
  aws: {bucketnames: logs, endpoint: 'http://127.0.0.1:1', region: r, access_key_id: a, secret_access_key: b}
compactor: {retention_enabled: true, delete_request_cancel_period: 0s, delete_request_store: s3}
limits_config: {deletion_mode: filter-and-delete, reject_old_samples: false}
skald: {commit_interval: 50ms, catalog: {postgres_url: '${postgresUrl}'}}
`

/** A replica in this process. */
class PointReplica {
  readonly #store: Store
  readonly #nowMs: number

  constructor(store: Store, nowMs: number) {
    this.#store = store
    this.#nowMs = nowMs
  }

  async push(number: number): Promise<boolean> {
    const values = [[`${this.#nowMs}${String(number).padStart(6, '0')}`, lineOf(number)]]
    const { statusCode } = await this.#store.app.inject({
      ...{ method: 'POST', url: '/loki/api/v1/push' },
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ streams: [{ stream: { app: 'x' }, values }] }),
    })
    return statusCode === 204
  }

  async flush(): Promise<void> {
    await this.#store.app.inject({ method: 'POST', url: '/flush' })
  }

  #params(query: string): URLSearchParams {
    const [start, end] = [this.#nowMs - 60_000, this.#nowMs + 1000].map(ms => String(ms / 1000))
    return new URLSearchParams({ query, start: start!, end: end! })
  }

  async delete(): Promise<boolean> {
    const url = `/loki/api/v1/delete?${this.#params('{app="x"} |= "secret"')}`
    return (await this.#store.app.inject({ method: 'POST', url })).statusCode === 204
  }

  /** Returns true if all delete requests were processed. */
  async areProcessed(): Promise<boolean> {
    const { body } = await this.#store.app.inject({ url: '/loki/api/v1/delete' })
    const requests = JSON.parse(body) as { status: string }[]
    return requests.length > 0 && requests.every(({ status }) => status === 'processed')
  }

  async lines(): Promise<string[]> {
    const url = `/loki/api/v1/query_range?${this.#params('{app="x"}')}&limit=1000&direction=forward`
    const { body } = await this.#store.app.inject({ url })
    const { data, warnings } = JSON.parse(body) as {
      data: { result: { values: [string, string][] }[] }
      warnings?: string[]
    }
    if (warnings) throw new Error(warnings.join('; '))
    return data.result.flatMap(({ values }) => values.map(([, line]) => line))
  }

  stop(): Promise<void> {
    return this.#store.stop()
  }
}

function lineOf(number: number): string {
  return `line ${number} ${number % 2 === 0 ? 'secret' : 'plain'}`
}

const isSecret = (line: string) => line.endsWith('secret')
const kept = [1, 3, 5].map(lineOf)

/** Runs two replicas, the first one to the point. Empties the catalog of the server before. */
export async function runReplicaPoint(
  point: ReplicaPoint,
  { postgres, dir }: { readonly postgres: PostgresServer; readonly dir: string },
): Promise<PointOutcome> {
  await postgres.sql('DROP SCHEMA IF EXISTS skald CASCADE')
  const work = mkdtempSync(join(dir, 'point-'))
  const bucket = new MemoryBucket()
  const fault = new Fault(point)
  // A delete request takes whole seconds, in the past.
  const nowMs = Math.floor(Date.now() / 1000) * 1000 - 5000
  const logger = pino({ level: 'silent' })
  const start = async (name: string, servers: ReplicaServers) => {
    const loaded = loadStoreConfig(yaml(join(work, name), postgres.url), 'replica.yaml')
    const options = { loaded, logger, version: 'point', files: systemFiles, servers }
    return new PointReplica(await startStore(options), nowMs)
  }
  const whole = {
    openBucket: async () => ({ ...faultyBucket(bucket, new Fault({ at: 0, mode: 'before' })) }),
    openDatabase: openPostgres,
  }
  const problems: string[] = []
  const open: PointReplica[] = []
  try {
    const first = await start('first', {
      openBucket: async () => faultyBucket(bucket, fault),
      openDatabase: async (...args) => faultyDatabase(await openPostgres(...args), fault),
    }).catch((error: unknown) => {
      if (!fault.hasEnded) throw error
      return undefined
    })
    if (first) open.push(first)
    const pushed = new Set<number>()
    const push = async (number: number) => {
      if (await first?.push(number)) pushed.add(number)
    }
    for (const number of [0, 1, 2, 3]) await push(number)
    await first?.flush()
    await push(4)
    await first?.flush()
    const isDeleted = (await first?.delete()) ?? false
    await first?.flush()
    await push(5)
    await first?.flush()
    if (fault.hasEnded) await open.pop()?.stop()

    await passTime(postgres)
    const second = await start('second', whole)
    open.push(second)
    for (let number = 0; number < 6; number++) {
      if (!pushed.has(number) && !(await second.push(number))) problems.push(`${number} is refused`)
    }
    if (!isDeleted && !(await second.delete())) problems.push('the delete request is refused')
    // Those that were pushed again are newer than the request, and stay hidden until it is done.
    for (let tries = 0; tries < 20; tries++) {
      for (const replica of open) await replica.flush()
      if ((await isMerged(postgres)) && (await second.areProcessed())) break
      await passTime(postgres)
    }
    if (!(await isMerged(postgres))) problems.push('level 0 is not merged')
    if (!(await second.areProcessed())) problems.push('the delete request is not processed')
    // Lines that were pushed again came after the request.
    const gone = new Set(isDeleted ? [...pushed].map(lineOf).filter(isSecret) : [])
    for (const replica of open) {
      const lines = await replica.lines()
      const found = lines.filter(line => !isSecret(line))
      if (found.join() !== kept.join()) problems.push(`found: ${found.join()}`)
      const back = lines.filter(line => gone.has(line))
      if (back.length > 0) problems.push(`deleted: ${back.join()}`)
    }
    problems.push(...(await checkObjects(bucket, postgres, work)))
  } catch (error) {
    problems.push((error as Error).stack ?? String(error))
  }
  for (const replica of open) await replica.stop()
  rmSync(work, { recursive: true, force: true })
  return { call: fault.call, problems }
}

/** Lets the clock of PostgreSQL jump for what ends by itself. */
async function passTime(postgres: PostgresServer): Promise<void> {
  const past = "expires = now() - interval '1 second'"
  await postgres.sql(`UPDATE skald.jobs SET ${past}; UPDATE skald.leases SET ${past}`)
}

async function isMerged(postgres: PostgresServer): Promise<boolean> {
  const level0 = "removed IS NULL AND name LIKE '%-0.seg'"
  return (await postgres.sql(`SELECT count(*) FROM skald.segments WHERE ${level0}`)) === '0'
}

/** Deletes what nothing needs. What the catalog has must be left, and merges that were not entered must not. */
async function checkObjects(
  bucket: MemoryBucket,
  postgres: PostgresServer,
  directory: string,
): Promise<string[]> {
  await passTime(postgres)
  const logger = pino({ level: 'silent' })
  const config = { postgresUrl: postgres.url, passwordFile: '', commitIntervalMs: 50 }
  const database = await openPostgres(config, logger)
  try {
    await collect({
      ...{ database, bucket, directory, logger, delayMs: 0 },
      copyTo: async () => {
        throw new Error('no copy is due')
      },
    })
    const text = 'SELECT name FROM skald.segments WHERE deleted_at IS NULL'
    const rows = await database.query<{ name: string }>({ text })
    const known = new Set(rows.map(({ name }) => name))
    const objects = new Set(
      [...bucket.objects.keys()]
        .filter(key => key.endsWith('.seg'))
        .map(key => key.slice(key.lastIndexOf('/') + 1)),
    )
    const lost = [...known].filter(name => !objects.has(name))
    // Commits that nobody acknowledged stay.
    const left = [...objects].filter(name => !known.has(name) && !name.endsWith('-0.seg'))
    return [
      ...lost.map(name => `the object of ${name} is gone`),
      ...left.map(name => `${name} is left in the bucket`),
    ]
  } finally {
    await database.close()
  }
}
