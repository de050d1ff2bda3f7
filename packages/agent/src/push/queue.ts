// Everything between the pipeline and one server: open batches per tenant, closed ones in order,
// retries, and the count of bytes in memory that makes the tailers wait.
//
// Entries of a stream arrive in order: a stream belongs to one shard, and a shard has one request
// under way at a time. There is one shard until a server is slower than the files; then four.

import { BatchBufferPool } from '@skald/wire'
import type { Logger } from 'pino'
import type { ClientMetrics } from '../metrics.ts'
import { LabelState } from '../pipeline/label-state.ts'
import type { LineSink, SinkLine } from '../pipeline/sink-line.ts'
import { type BackoffConfig, backoffMs } from './backoff.ts'
import { Batch, type PushStreamHandle, type SealedBatch } from './batch.ts'
import type { PushAnswer, PushTransport } from './client.ts'

/** Limits and waits of one client. */
export interface QueueConfig {
  readonly batchWaitMs: number
  readonly batchBytesMax: number
  readonly tenantId: string
  readonly externalLabels: ReadonlyMap<string, string>
  readonly backoff: BackoffConfig
  readonly dropsRateLimited: boolean
  /** Longest line in bytes, 0 for none. */
  readonly lineBytesMax: number
  readonly truncatesLines: boolean
  /** Most distinct streams, 0 for none. */
  readonly streamsMax: number
}

// Bytes of open batches and of closed, compressed ones above which reading stops.
const pendingBytesMax = 12 * 1024 * 1024
// Unused memory that is kept for the next batches.
const poolBytesMax = 8 * 1024 * 1024
// Requests under way at a time once a server is slower than the files.
const shardsMax = 4
// Back to one shard when no batch was filled for so long.
const shardIdleMs = 30_000
// Streams whose handle is remembered.
const handlesMax = 50_000

interface QueuedBatch extends SealedBatch {
  readonly batch: Batch
}

const tenantLabel = '__tenant_id__'

/** Batches lines and sends them until the server has taken them. */
export class PushQueue implements LineSink {
  readonly #config: QueueConfig
  readonly #transport: PushTransport
  readonly #metrics: ClientMetrics
  readonly #logger: Logger
  readonly #beforeSend: () => void
  readonly #open = new Map<string, Batch>()
  readonly #sealed: QueuedBatch[] = []
  readonly #inFlight = new Set<QueuedBatch>()
  readonly #handles = new Map<string, PushStreamHandle>()
  readonly #abort = new AbortController()
  readonly #drained: (() => void)[] = []
  readonly #pool = new BatchBufferPool(poolBytesMax)
  #openBytes = 0
  #sealedBytes = 0
  #sequence = 0
  #epoch = 0
  #shards = 1
  #filledMs = 0
  #timer: NodeJS.Timeout | undefined
  #state: 'running' | 'draining' | 'closed' = 'running'
  /** Called when memory for more lines became free. */
  onRoom: (() => void) | undefined

  constructor(options: {
    readonly config: QueueConfig
    readonly transport: PushTransport
    readonly metrics: ClientMetrics
    readonly logger: Logger
    /** Called before each request: whatever must be on disk before lines leave. */
    readonly beforeSend: () => void
  }) {
    this.#config = options.config
    this.#transport = options.transport
    this.#metrics = options.metrics
    this.#logger = options.logger
    this.#beforeSend = options.beforeSend
  }

  /** Tells whether more lines may be read. */
  get hasRoom(): boolean {
    return this.#openBytes + this.#sealedBytes < pendingBytesMax
  }

  get pendingBytes(): number {
    return this.#openBytes + this.#sealedBytes
  }

  add(line: SinkLine): void {
    const handle = (line.labels.handle as PushStreamHandle | undefined) ?? this.#findHandle(line)
    if (!handle || !this.#fits(line, handle)) return
    let byteLength = line.end - line.start
    for (const { name, value } of line.metadata ?? []) byteLength += name.length + value.length
    const batch = this.#openBatch(handle, byteLength)
    batch.add(handle, line, byteLength)
    this.#openBytes += byteLength
    if (batch.lineBytes >= this.#config.batchBytesMax) this.#fill(batch)
  }

  /** Applies the limit on lines; may cut the line. */
  #fits(line: SinkLine, handle: PushStreamHandle): boolean {
    const { lineBytesMax, truncatesLines } = this.#config
    const length = line.end - line.start
    if (lineBytesMax === 0 || length <= lineBytesMax) return true
    if (!truncatesLines) {
      this.#metrics.countDropped(handle.tenant, 'line_too_long', { bytes: length, entries: 1 })
      return false
    }
    line.end = cutAtCharacter(line.bytes, line.start, line.start + lineBytesMax)
    this.#metrics.countMutated(handle.tenant, 'line_too_long', {
      bytes: length - (line.end - line.start),
      entries: 1,
    })
    return true
  }

  /** Finds the stream of a line; `undefined`, and the line dropped, when there are too many. */
  #findHandle(line: SinkLine): PushStreamHandle | undefined {
    const labels = new Map(line.labels.labels)
    const tenant = labels.get(tenantLabel) || this.#config.tenantId
    labels.delete(tenantLabel)
    for (const [name, value] of this.#config.externalLabels) {
      if (!labels.get(name)) labels.set(name, value)
    }
    const labelsText = new LabelState(labels).text
    const key = `${tenant}\u0000${labelsText}`
    let handle = this.#handles.get(key)
    if (!handle) {
      const { streamsMax } = this.#config
      if (streamsMax > 0 && this.#handles.size >= streamsMax) {
        const amount = { bytes: line.end - line.start, entries: 1 }
        this.#metrics.countDropped(tenant, 'stream_limited', amount)
        return undefined
      }
      if (this.#handles.size >= handlesMax) this.#handles.clear()
      handle = { labelsText, tenant, hash: hashText(key), batch: undefined, stream: undefined }
      this.#handles.set(key, handle)
      this.#metrics.startTenant(tenant)
    }
    line.labels.handle = handle
    return handle
  }

  #openBatch(handle: PushStreamHandle, byteLength: number): Batch {
    let { batch } = handle
    const { tenant } = handle
    const shard = this.#shards === 1 ? 0 : handle.hash % this.#shards
    const key = shard === 0 ? tenant : `${tenant}\u0000${shard}`
    batch ??= this.#open.get(key)
    if (batch && batch.lineBytes + byteLength > this.#config.batchBytesMax) {
      this.#fill(batch)
      return this.#openBatch(handle, byteLength)
    }
    if (batch) return batch
    batch = new Batch({
      ...{ tenant, shard, epoch: this.#epoch },
      sequence: ++this.#sequence,
      openedMs: performance.now(),
      pool: this.#pool,
    })
    this.#open.set(key, batch)
    this.#arm()
    return batch
  }

  /** Closes a batch because it is full; many of these mean that one request at a time is too slow. */
  #fill(batch: Batch): void {
    this.#seal(batch)
    this.#filledMs = performance.now()
    if (this.#shards === 1 && this.#sealed.length >= 2) this.#reshard(shardsMax)
    this.#pump()
  }

  #reshard(shards: number): void {
    for (const batch of [...this.#open.values()]) this.#seal(batch)
    this.#shards = shards
    this.#epoch++
  }

  #seal(batch: Batch): void {
    for (const [key, open] of this.#open) if (open === batch) this.#open.delete(key)
    const sealed = batch.seal()
    this.#openBytes -= batch.lineBytes
    this.#sealedBytes += sealed.body.length
    this.#sealed.push({ ...sealed, batch })
  }

  #arm(): void {
    if (this.#timer || this.#state === 'closed') return
    let oldest = Number.POSITIVE_INFINITY
    for (const batch of this.#open.values()) oldest = Math.min(oldest, batch.openedMs)
    if (oldest === Number.POSITIVE_INFINITY) return
    const waitMs = Math.max(0, oldest + this.#config.batchWaitMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#sealAged()
      this.#arm()
    }, waitMs + 1)
  }

  #sealAged(): void {
    const nowMs = performance.now()
    for (const batch of [...this.#open.values()]) {
      if (nowMs - batch.openedMs >= this.#config.batchWaitMs) this.#seal(batch)
    }
    const isIdle = this.#sealed.length === 0 && this.#inFlight.size === 0
    if (this.#shards > 1 && isIdle && nowMs - this.#filledMs > shardIdleMs) this.#reshard(1)
    this.#pump()
  }

  /** Starts every request that may start without overtaking another of its streams. */
  #pump(): void {
    if (this.#state === 'closed') return
    for (let i = 0; i < this.#sealed.length && this.#inFlight.size < shardsMax; ) {
      const candidate = this.#sealed[i]!
      if (!this.#mayStart(candidate, i)) {
        i++
        continue
      }
      this.#sealed.splice(i, 1)
      this.#inFlight.add(candidate)
      void this.#deliver(candidate)
    }
    const isEmpty = this.#inFlight.size === 0 && this.#sealed.length === 0
    if (isEmpty && this.#state === 'draining') for (const done of this.#drained.splice(0)) done()
  }

  #mayStart(candidate: QueuedBatch, index: number): boolean {
    const { tenant, shard, epoch } = candidate.batch
    const isBefore = ({ batch }: QueuedBatch) =>
      batch.epoch < epoch || (batch.tenant === tenant && batch.shard === shard)
    for (const other of this.#inFlight) if (isBefore(other)) return false
    for (let i = 0; i < index; i++) if (isBefore(this.#sealed[i]!)) return false
    return true
  }

  /** Sends one batch until it is taken, refused for good, or the queue is closed. */
  async #deliver(queued: QueuedBatch): Promise<void> {
    const { backoff } = this.#config
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#attempt(queued)
      if (this.#abort.signal.aborted) return
      const verdict = this.#judge(answer)
      if (verdict === 'taken') {
        this.#metrics.countSent(queued.body.length, queued.entryCount)
        break
      }
      const isLast = backoff.attemptsMax > 0 && attempt + 1 >= backoff.attemptsMax
      if (verdict === 'retry') this.#metrics.countRetry(queued.batch.tenant)
      if (verdict !== 'retry' || isLast) {
        this.#drop(queued, answer, verdict === 'rate_limited' ? verdict : 'ingester_error')
        break
      }
      const fields = { status: answer.status, error: answer.text, tenant: queued.batch.tenant }
      this.#logger.warn({ ...fields, attempt }, 'Cannot send batch, will try again')
      const { retryAfterMs } = answer
      const random = Math.random
      const options = retryAfterMs === undefined ? { random } : { random, retryAfterMs }
      await this.#sleep(backoffMs(backoff, attempt, options))
      if (this.#abort.signal.aborted) return
    }
    this.#settle(queued)
  }

  async #attempt(queued: QueuedBatch): Promise<PushAnswer> {
    this.#beforeSend()
    const { body, batch } = queued
    this.#metrics.countEncoded(body.length)
    const startedMs = performance.now()
    const answer = await this.#transport.push(body, batch.tenant, this.#abort.signal)
    this.#metrics.observeRequest(answer.status, (performance.now() - startedMs) / 1000)
    return answer
  }

  #judge({ status }: PushAnswer): 'taken' | 'retry' | 'rate_limited' | 'refused' {
    if (status >= 200 && status < 300) return 'taken'
    if (status === 429) return this.#config.dropsRateLimited ? 'rate_limited' : 'retry'
    // The request took too long, or came too early: the same batch may be taken next time.
    if (status === 408 || status === 425) return 'retry'
    return status < 0 || status >= 500 ? 'retry' : 'refused'
  }

  #drop(queued: QueuedBatch, answer: PushAnswer, reason: 'rate_limited' | 'ingester_error'): void {
    const { batch, body, entryCount } = queued
    this.#metrics.countDropped(batch.tenant, reason, { bytes: body.length, entries: entryCount })
    this.#logger.error(
      { status: answer.status, error: answer.text, tenant: batch.tenant, entries: entryCount },
      'Batch dropped: the server will not take it',
    )
  }

  #settle(queued: QueuedBatch): void {
    this.#inFlight.delete(queued)
    this.#sealedBytes -= queued.body.length
    queued.batch.settle()
    this.#pump()
    if (this.hasRoom) this.onRoom?.()
  }

  async #sleep(waitMs: number): Promise<void> {
    const { signal } = this.#abort
    await new Promise<void>(resolve => {
      const timer = setTimeout(done, waitMs)
      signal.addEventListener('abort', done, { once: true })
      function done() {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
    })
  }

  /** Sends what is there; settles when all of it was taken or `limitMs` is over. */
  async stop(limitMs: number): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'draining'
    for (const batch of [...this.#open.values()]) this.#seal(batch)
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#drained.push(resolve)
      timer = setTimeout(resolve, limitMs)
      this.#pump()
    })
    clearTimeout(timer)
    this.#state = 'closed'
    this.#abort.abort()
    this.#transport.close()
  }
}

/** Cuts at a byte count without leaving half a character. */
function cutAtCharacter(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && end - at < 3 && (bytes[at]! & 0xc0) === 0x80) at--
  return (bytes[at]! & 0xc0) === 0x80 ? end : at
}

function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
