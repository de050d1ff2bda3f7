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
}

/** Returns the configuration of a replica. */
export function replicaConfig(
  bucket: Pick<TestBucket, 'config'>,
  postgres: PostgresServer,
  commitInterval = '50ms',
): string {
  return `${bucket.config}skald:
  commit_interval: ${commitInterval}
  catalog: {postgres_url: '${postgres.url}'}
`
}

/** Starts replicas, one after the other. */
export async function startReplicas(t: TestScope, options: ReplicasOptions): Promise<TestStore[]> {
  const { dir, bucket, postgres, count, config = '' } = options
  const replicas: TestStore[] = []
  for (let i = 0; i < count; i++) {
    replicas.push(
      await startStore(t, {
        dir: join(dir, `replica-${i}`),
        config: `${replicaConfig(bucket, postgres)}${config}`,
      }),
    )
  }
  return replicas
}
