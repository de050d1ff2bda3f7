// A bucket in memory, for tests of what the store does with one. It writes objects once, like a real one, and
// can be away.

import { readFileSync } from 'node:fs'
import type { Bucket, BucketObject, ObjectContent } from '../../src/bucket/bucket.ts'
import { BucketError } from '../../src/errors.ts'

export class MemoryBucket implements Bucket {
  readonly place = 's3://memory/skald/'
  readonly objects = new Map<string, Buffer>()
  /** All requests so far, such as `put segments/1`. */
  readonly requests: string[] = []
  /** Called before each request. What it throws is the answer. */
  onRequest: (request: string) => void | Promise<void> = () => undefined
  isAway = false

  async #ask(request: string): Promise<void> {
    this.requests.push(request)
    if (this.isAway) throw new BucketError(`Cannot ${request}: it is away`)
    await this.onRequest(request)
  }

  async put(key: string, content: ObjectContent): Promise<void> {
    await this.#ask(`put ${key}`)
    const bytes = 'bytes' in content ? content.bytes : readFileSync(content.path)
    const known = this.objects.get(key)
    if (known && !known.equals(bytes))
      throw new BucketError(`${key} is taken`, { answer: 412, isTaken: true })
    this.objects.set(key, bytes)
  }

  async read(key: string, offsetBytes: number, length: number): Promise<Buffer> {
    await this.#ask(`read ${key} ${offsetBytes}+${length}`)
    const bytes = this.objects.get(key)
    if (!bytes) throw Object.assign(new Error(`ENOENT: ${key}`), { code: 'ENOENT', path: key })
    return Buffer.from(bytes.subarray(offsetBytes, offsetBytes + length))
  }

  async copy(key: string, to: string): Promise<void> {
    await this.#ask(`copy ${key}`)
    this.objects.set(to, this.objects.get(key)!)
  }

  async delete(key: string): Promise<void> {
    await this.#ask(`delete ${key}`)
    this.objects.delete(key)
  }

  async list(prefix: string, after = ''): Promise<BucketObject[]> {
    await this.#ask(`list ${prefix}`)
    return [...this.objects]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .map(([key, { length }]) => ({ key, sizeBytes: length }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  async close(): Promise<void> {
    this.isAway = true
  }
}
