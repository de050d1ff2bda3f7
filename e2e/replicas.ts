// Several replicas for tests: real processes over one bucket and one PostgreSQL.

import { join } from 'node:path'
import type { PostgresServer } from '../test/postgres-server.ts'
import { startStore, type TestScope, type TestStore } from './harness.ts'
import type { TestBucket } from './versitygw-process.ts'

export interface ReplicasOptions {
  readonly dir: string
  readonly bucket: TestBucket
  readonly postgres: PostgresServer
  readonly count: number
  /** Additional configuration of all, as YAML at the top level. */
  readonly config?: string
  /** Whether requests must name their tenant. */
  readonly tenants?: boolean
}

/** How a replica reaches its servers, if not directly. */
export interface Ways {
  readonly bucketUrl: string
  readonly postgresUrl: string
  /** How long the bucket may take to answer, as the configuration has it. */
  readonly answerTimeout?: string
}

/** Returns the configuration of a replica. */
export function replicaConfig(
  bucket: TestBucket,
  postgres: PostgresServer,
  {
    ways,
    commitInterval = '50ms',
  }: { readonly ways?: Ways; readonly commitInterval?: string } = {},
): string {
  const timeout = ways?.answerTimeout
  return `${bucket.configAt(ways?.bucketUrl ?? bucket.url)}${timeout ? `    http_config: {response_header_timeout: ${timeout}}\n` : ''}skald:
  commit_interval: ${commitInterval}
  catalog: {postgres_url: '${ways?.postgresUrl ?? postgres.url}'}
`
}

export interface ReplicaOptions extends Omit<ReplicasOptions, 'count'> {
  readonly number: number
  readonly ways?: Ways
}

/** Starts one replica. */
export function startReplica(t: TestScope, options: ReplicaOptions): Promise<TestStore> {
  const { dir, bucket, postgres, number, config = '', ways, tenants = false } = options
  return startStore(t, {
    ...{ dir: join(dir, `replica-${number}`), tenants },
    config: `${replicaConfig(bucket, postgres, { ...(ways && { ways }) })}${config}`,
  })
}

/** Starts replicas, one after the other. */
export async function startReplicas(t: TestScope, options: ReplicasOptions): Promise<TestStore[]> {
  const replicas: TestStore[] = []
  for (let number = 0; number < options.count; number++)
    replicas.push(await startReplica(t, { ...options, number }))
  return replicas
}
