// The parts of a scaled store, as real processes on loopback: a bucket, a PostgreSQL and replicas.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { replicaConfig } from '../../e2e/replicas.ts'
import { startBucket, type TestBucket } from '../../e2e/versitygw-process.ts'
import { createPostgres, type PostgresServer } from '../../test/postgres-server.ts'
import { readTreeCpuSeconds } from '../cpu.ts'
import { type StoreServer, startStoreServer } from '../server.ts'

/** A scaled store. */
export interface Cluster {
  readonly bucket: TestBucket
  readonly postgres: PostgresServer
  readonly replicas: readonly StoreServer[]
  /** CPU of all replicas until now, and that of PostgreSQL. */
  readCpu(): { readonly replicasSeconds: number; readonly postgresSeconds: number }
  /** Starts a replica on a directory of its own. */
  startReplica(name: string): Promise<StoreServer>
  close(): Promise<void>
}

export interface ClusterOptions {
  readonly replicaCount: number
  /** Another way to the bucket. Receives the bucket's address. */
  readonly throughGate?: (bucketUrl: string) => Promise<string>
}

/** Starts a scaled store below `dir`. */
export async function startCluster(dir: string, options: ClusterOptions): Promise<Cluster> {
  const { replicaCount, throughGate } = options
  const closers: (() => unknown)[] = []
  const scope = { teardown: (close: () => unknown) => closers.unshift(close) }
  const close = async () => {
    for (const one of closers) await one()
  }
  mkdirSync(dir, { recursive: true })
  try {
    const bucket = await startBucket(scope, dir)
    const postgres = await createPostgres(scope)
    const bucketUrl = (await throughGate?.(bucket.url)) ?? bucket.url
    const ways = { bucketUrl, postgresUrl: postgres.url }
    const config = replicaConfig(bucket, postgres, { ways, commitInterval: '250ms' })
    const replicas: StoreServer[] = []
    const startReplica = async (name: string) => {
      const workDir = join(dir, name)
      mkdirSync(workDir, { recursive: true })
      const replica = await startStoreServer(workDir, join(workDir, 'skald'), config)
      scope.teardown(() => replica.process.end('SIGTERM'))
      return replica
    }
    for (let i = 0; i < replicaCount; i++) replicas.push(await startReplica(`replica-${i}`))
    const readCpu = () => ({
      replicasSeconds: replicas.reduce((sum, { pid }) => sum + readTreeCpuSeconds(pid), 0),
      postgresSeconds: readTreeCpuSeconds(postgres.pid),
    })
    return { bucket, postgres, replicas, readCpu, startReplica, close }
  } catch (error) {
    await close()
    throw error
  }
}
