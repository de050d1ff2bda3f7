// A bucket for tests: versitygw, a server of the S3 protocol that is strict about signatures and conditions, on a
// directory. Tests that need it skip where it is missing.

import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCiProgram } from './ci-programs.ts'
import type { TestScope } from './harness.ts'
import { loopbackHost, reservePort, type SkaldProcess, spawnProgram } from './skald-process.ts'

/** Path of the program, or `undefined` if it is not installed. */
export function findVersitygw(): string | undefined {
  return findCiProgram('versitygw')
}

/** Why tests with a bucket are skipped; false if they are not. */
export const noBucket: string | false = findVersitygw()
  ? false
  : 'versitygw is not on the PATH: build e2e/fixtures/versitygw with Go'

/** Keys of the only user. */
export const bucketKeys = { access: 'skald', secret: 'a-secret-of-the-test' } as const

/** A bucket of a test, named `logs`. */
export class TestBucket {
  readonly url: string
  readonly #dir: string
  readonly #port: number
  #process: SkaldProcess | undefined

  constructor(dir: string, port: number) {
    this.#dir = dir
    this.#port = port
    this.url = `http://${loopbackHost}:${port}`
    mkdirSync(join(dir, 'bucket', 'logs'), { recursive: true })
  }

  /** Starts the server and waits until it answers. */
  async start(): Promise<void> {
    this.#process = spawnProgram(findVersitygw()!, {
      args: ['--port', `${loopbackHost}:${this.#port}`, 'posix', join(this.#dir, 'bucket')],
      outputFile: join(this.#dir, 'versitygw.log'),
      env: { ROOT_ACCESS_KEY: bucketKeys.access, ROOT_SECRET_KEY: bucketKeys.secret },
    })
    for (let tries = 0; tries < 500; tries++) {
      if (
        await fetch(this.url).then(
          () => true,
          () => false,
        )
      )
        return
      await sleep(20)
    }
    throw new Error(`versitygw does not answer:\n${this.#process.output()}`)
  }

  /** Ends the server. Its objects stay. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM')
    this.#process = undefined
  }

  /** Lists the objects below a prefix, sorted. */
  keys(prefix: string): string[] {
    const top = join(this.#dir, 'bucket', 'logs')
    const found: string[] = []
    const visit = (path: string): void => {
      for (const name of existsSync(join(top, path)) ? readdirSync(join(top, path)) : []) {
        const key = path === '' ? name : `${path}/${name}`
        // A store may be deleting objects meanwhile.
        const info = statSync(join(top, key), { throwIfNoEntry: false })
        if (!info) continue
        if (info.isDirectory()) visit(key)
        else if (key.startsWith(prefix)) found.push(key)
      }
    }
    visit('')
    return found.sort()
  }

  /** Path of an object's file. */
  pathOf(key: string): string {
    return join(this.#dir, 'bucket', 'logs', key)
  }

  /** Configuration of a store with this bucket, as Loki would read it. */
  get config(): string {
    return this.configAt(this.url)
  }

  /** The same, with another way to the server. */
  configAt(url: string): string {
    return `schema_config:
  configs: [{from: 2024-01-01, store: tsdb, object_store: s3, schema: v13}]
storage_config:
  aws:
    bucketnames: logs
    endpoint: ${url}
    region: us-east-1
    access_key_id: ${bucketKeys.access}
    secret_access_key: ${bucketKeys.secret}
    s3forcepathstyle: true
    backoff_config: {min_period: 20ms, max_period: 100ms, max_retries: 3}
`
  }
}

/** Starts a bucket that ends with the test. */
export async function startBucket(t: TestScope, dir: string): Promise<TestBucket> {
  const bucket = new TestBucket(dir, await reservePort())
  t.teardown(() => bucket.stop())
  await bucket.start()
  return bucket
}
