// The batches of one tenant on their way to one server: open ones, closed ones in order, requests and
// retries. Tenants do not wait for each other.
//
// Entries of a stream arrive in order: a stream belongs to one shard, and a shard has one open request at a
// time. There is one shard until the server is slower than the files; then there are four.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { GapKind } from '../gaps/gap.ts'
import type { GapSink } from '../gaps/gap-log.ts'
import {
  batchBytesMin,
  candidatesMax,
  shardIdleMs,
  shardsMax,
  splitsPerBatchMax,
  storeAboveBytes,
} from '../limits.ts'
import type { SinkLine } from '../line/line-sink.ts'
import type { ClientMetrics, DropReason } from '../metrics/agent-metrics.ts'
import { type BackoffConfig, backoffMs } from '../net/backoff.ts'
import { Batch, type BatchedStream, type BatchPools } from './batch.ts'
import type { PushAnswer, PushTransport } from './client.ts'
import type { DiskBuffer, StoredBatch } from './disk-buffer.ts'
import { contentOf, type PushPiece, splitPush } from './split.ts'
import { judgeAnswer, type Verdict } from './verdict.ts'

/** Why lines are missing after a verdict. */
const gapKinds: Readonly<Record<Verdict, GapKind>> = {
  taken: 'refused',
  retry: 'given_up',
  too_large: 'refused',
  refused: 'refused',
  rate_limited: 'rate_limited',
}

/** What a tenant's queue needs from its client. */
export interface TenantQueueContext {
  readonly config: {
    readonly batchWaitMs: number
    readonly batchBytesMax: number
    readonly backoff: BackoffConfig
    readonly dropsRateLimited: boolean
  }
  readonly transport: PushTransport
  readonly metrics: ClientMetrics
  readonly logger: Logger
  readonly beforeSend: () => void
  readonly pools: BatchPools
  /** Cancels all requests and waits. */
  readonly signal: AbortSignal
  readonly disk: DiskBuffer | undefined
  /** Returns who takes what is dropped. */
  readonly gaps: () => GapSink | undefined
  readonly nextSequence: () => number
  /** Called with the bytes added to memory, or removed from it (below 0). */
  readonly onBytes: (bytes: number) => void
  /** Called when a batch has left. */
  readonly onProgress: () => void
}

interface QueuedBatch {
  readonly shard: number
  readonly epoch: number
  readonly entryCount: number
  /** Body in memory. Absent while it is only on disk. */
  body: Buffer | undefined
  /** Pool memory that holds the body. */
  readonly memory: Buffer | undefined
  stored: StoredBatch | undefined
  isBeingStored?: boolean
  /** Notifies the files. Absent once it is on disk, because they have already been notified. */
  settle: (() => void) | undefined
}

/** Carries one tenant's lines to one server. */
export class TenantQueue {
  readonly tenant: string
  readonly #context: TenantQueueContext
  readonly #open = new Map<number, Batch>()
  readonly #sealed: QueuedBatch[] = []
  readonly #inFlight = new Set<QueuedBatch>()
  #memoryBytes = 0
  #sealedBytes = 0
  #batchBytesMax: number
  #epoch = 0
  #shards = 1
  #filledMs = 0
  #timer: NodeJS.Timeout | undefined
  /** True after a failed request: one request at a time until the server is back. */
  #isAway = false
  #isStoring = false
  #isRetired = false

  constructor(tenant: string, context: TenantQueueContext) {
    this.tenant = tenant
    this.#context = context
    this.#batchBytesMax = context.config.batchBytesMax
  }

  /** Bytes of open and closed batches in memory. */
  get memoryBytes(): number {
    return this.#memoryBytes
  }

  get isEmpty(): boolean {
    return this.#open.size === 0 && this.#sealed.length === 0 && this.#inFlight.size === 0
  }

  /** True once nobody may add to it any more. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  retire(): void {
    this.#isRetired = true
  }

  /** Queues a batch that an earlier run left on disk. Call it before anything is added. */
  addStored(stored: StoredBatch): void {
    const { entryCount } = stored
    this.#sealed.push({
      shard: 0,
      epoch: -1,
      entryCount,
      body: undefined,
      memory: undefined,
      stored,
      settle: undefined,
    })
  }

  add(handle: BatchedStream, line: SinkLine, byteLength: number): void {
    const batch = this.#batchFor(handle, byteLength)
    batch.add(handle, line, byteLength)
    this.#account(byteLength)
    if (batch.lineBytes >= this.#batchBytesMax) this.#fill(batch)
  }

  #account(bytes: number): void {
    this.#memoryBytes += bytes
    this.#context.onBytes(bytes)
  }

  #batchFor(handle: BatchedStream, byteLength: number): Batch {
    const shard = this.#shards === 1 ? 0 : handle.hash % this.#shards
    let batch = handle.batch ?? this.#open.get(shard)
    if (batch && batch.lineBytes + byteLength > this.#batchBytesMax) {
      this.#fill(batch)
      batch = this.#open.get(this.#shards === 1 ? 0 : handle.hash % this.#shards)
    }
    if (batch) return batch
    const { nextSequence, pools } = this.#context
    batch = new Batch({
      ...{ epoch: this.#epoch, pools },
      shard: this.#shards === 1 ? 0 : handle.hash % this.#shards,
      sequence: nextSequence(),
      openedMs: performance.now(),
    })
    this.#open.set(batch.shard, batch)
    this.#arm()
    return batch
  }

  /** Closes a full batch. Many of these mean that one request at a time is too slow. */
  #fill(batch: Batch): void {
    this.#seal(batch)
    this.#filledMs = performance.now()
    if (this.#shards === 1 && this.#sealed.length >= 2) this.#reshard(shardsMax)
    this.pump()
  }

  #reshard(shards: number): void {
    this.#sealAll()
    this.#shards = shards
    this.#epoch++
  }

  #sealAll(): void {
    for (const batch of [...this.#open.values()]) this.#seal(batch)
  }

  #seal(batch: Batch): void {
    this.#open.delete(batch.shard)
    const { body, memory, entryCount, lineBytes } = batch.seal()
    this.#account(memory.length - lineBytes)
    this.#sealedBytes += memory.length
    const settle = () => batch.settle()
    const { shard, epoch } = batch
    this.#sealed.push({ shard, epoch, entryCount, body, memory, stored: undefined, settle })
    this.#storeWaiting()
  }

  #arm(): void {
    if (this.#timer || this.#context.signal.aborted) return
    let oldest = Number.POSITIVE_INFINITY
    for (const batch of this.#open.values()) oldest = Math.min(oldest, batch.openedMs)
    if (oldest === Number.POSITIVE_INFINITY) return
    const waitMs = Math.max(0, oldest + this.#context.config.batchWaitMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#sealAged()
      this.#arm()
    }, waitMs + 1)
  }

  #sealAged(): void {
    const nowMs = performance.now()
    for (const batch of [...this.#open.values()]) {
      if (nowMs - batch.openedMs >= this.#context.config.batchWaitMs) this.#seal(batch)
    }
    const isIdle = this.#sealed.length === 0 && this.#inFlight.size === 0
    if (this.#shards > 1 && isIdle && nowMs - this.#filledMs > shardIdleMs) this.#reshard(1)
    this.pump()
  }

  /** Starts every request that would not overtake another one of the same streams. */
  pump(): void {
    if (this.#context.signal.aborted) return
    const requestsMax = this.#isAway ? 1 : shardsMax
    for (let i = 0; i < Math.min(this.#sealed.length, candidatesMax); ) {
      if (this.#inFlight.size >= requestsMax) return
      const candidate = this.#sealed[i]!
      if (!this.#mayStart(candidate, i)) {
        i++
        continue
      }
      this.#sealed.splice(i, 1)
      this.#inFlight.add(candidate)
      void this.#deliver(candidate)
    }
  }

  #mayStart(candidate: QueuedBatch, index: number): boolean {
    const { shard, epoch } = candidate
    const isBefore = (other: QueuedBatch) => other.epoch < epoch || other.shard === shard
    for (const other of this.#inFlight) if (isBefore(other)) return false
    for (let i = 0; i < index; i++) if (isBefore(this.#sealed[i]!)) return false
    return true
  }

  /** Delivers one batch: every entry is accepted or dropped for good, unless the queue closes first. */
  async #deliver(queued: QueuedBatch): Promise<void> {
    const { entryCount, stored } = queued
    const body = queued.body ?? (stored && (await this.#context.disk!.load(stored)))
    if (!body) {
      // Damaged on disk, which has been logged. The file stays for a person to look at.
      this.#context.metrics.countDropped(this.tenant, 'ingester_error', {
        ...{ bytes: stored?.byteLength ?? 0, entries: entryCount },
      })
      const gap = { tenant: this.tenant, labelsText: '{}', kind: 'damaged_batch' } as const
      this.#context.gaps()?.note({ ...gap, lines: entryCount }, { isShared: true })
      queued.stored = undefined
      this.#leave(queued)
      return
    }
    const pieces: PushPiece[] = [{ body, entryCount }]
    let splitsLeft = splitsPerBatchMax
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const outcome = await this.#send(piece, queued)
      if (!outcome) return
      const { verdict, answer } = outcome
      if (verdict === 'taken') {
        this.#context.metrics.countSent(piece.body.length, piece.entryCount)
        continue
      }
      const isSplit = verdict === 'refused' || verdict === 'too_large'
      const halves = isSplit && splitsLeft > 0 ? await splitPush(piece) : undefined
      if (!halves) await this.#drop(piece, answer, verdict)
      else {
        splitsLeft--
        pieces.unshift(...halves)
        if (verdict === 'too_large') this.#shrink(piece)
      }
    }
    this.#leave(queued)
  }

  /** Sends until the answer is final. Returns `undefined` if the queue was closed meanwhile. */
  async #send(
    piece: PushPiece,
    queued: QueuedBatch,
  ): Promise<{ verdict: Verdict; answer: PushAnswer } | undefined> {
    const { config, metrics, logger, signal } = this.#context
    const { backoff } = config
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#attempt(piece)
      if (signal.aborted) return undefined
      const verdict = judgeAnswer(answer, config)
      this.#isAway = verdict === 'retry'
      if (verdict !== 'retry') return { verdict, answer }
      metrics.countRetry(this.tenant)
      if (backoff.attemptsMax > 0 && attempt + 1 >= backoff.attemptsMax) return { verdict, answer }
      const fields = { status: answer.status, error: answer.text, tenant: this.tenant }
      logger.warn({ ...fields, attempt }, 'Cannot send batch, will try again')
      this.#storeWaiting()
      void this.#store(queued)
      const { retryAfterMs } = answer
      const random = Math.random
      const options = retryAfterMs === undefined ? { random } : { random, retryAfterMs }
      const isAwake = await sleep(backoffMs(backoff, attempt, options), true, { signal }).catch(
        () => false,
      )
      if (!isAwake) return undefined
    }
  }

  async #attempt(piece: PushPiece): Promise<PushAnswer> {
    const { beforeSend, metrics, transport, signal } = this.#context
    beforeSend()
    metrics.countEncoded(piece.body.length)
    const startedMs = performance.now()
    const answer = await transport.push(piece.body, this.tenant, signal)
    metrics.observeRequest(answer.status, (performance.now() - startedMs) / 1000)
    return answer
  }

  /** Reduces the batch size for a server that accepts only smaller batches. */
  #shrink(piece: PushPiece): void {
    const half = Math.max(Math.floor(this.#batchBytesMax / 2), batchBytesMin)
    if (half >= this.#batchBytesMax) return
    this.#batchBytesMax = half
    this.#context.logger.warn(
      { tenant: this.tenant, bodyBytes: piece.body.length, batchBytes: half },
      'Batch is too large for the server: splitting it and making further ones smaller. Set batchsize',
    )
  }

  async #drop(piece: PushPiece, answer: PushAnswer, verdict: Verdict): Promise<void> {
    const reason: DropReason = verdict === 'rate_limited' ? 'rate_limited' : 'ingester_error'
    const { body, entryCount: entries } = piece
    const { metrics, logger } = this.#context
    metrics.countDropped(this.tenant, reason, { bytes: body.length, entries })
    const { status, text } = answer
    const { streams, sample } = await contentOf(piece)
    const gaps = this.#context.gaps()
    const kind = gapKinds[verdict]
    for (const { labelsText, lines, bytes, markerTimes } of streams) {
      const { tenant } = this
      if (lines > 0) gaps?.note({ tenant, labelsText, kind, lines, bytes, reason: text })
      for (const timeNs of markerTimes) gaps?.markerRefused(timeNs, kind)
    }
    logger.error(
      { status, error: text, tenant: this.tenant, entries, ...sample },
      verdict === 'retry'
        ? 'Entries dropped: all attempts of max_retries failed'
        : 'Entries dropped: the server rejects them',
    )
  }

  #leave(queued: QueuedBatch): void {
    const { body, stored } = queued
    this.#inFlight.delete(queued)
    if (body) this.#forget(queued)
    if (stored) void this.#context.disk?.remove(stored)
    queued.settle?.()
    this.pump()
    this.#context.onProgress()
  }

  #forget(queued: QueuedBatch): void {
    const memory = queued.memory!
    this.#sealedBytes -= memory.length
    this.#account(-memory.length)
    queued.body = undefined
    // A server that answered before reading everything does not need the rest.
    if (!queued.isBeingStored) this.#context.pools.bodies.give(memory)
  }

  /** Writes to disk what has to wait. */
  #storeWaiting(): void {
    if (!this.#context.disk || this.#isStoring) return
    const isWaiting = this.#isAway || this.#sealedBytes > storeAboveBytes
    if (isWaiting) void this.#storeSealed()
  }

  /** Writes closed batches to disk, oldest first, until none is left in memory or there is no room. */
  async #storeSealed(): Promise<void> {
    this.#isStoring = true
    try {
      for (;;) {
        const queued = this.#sealed.find(({ body, stored }) => body && !stored)
        if (!queued || !(await this.#store(queued))) return
      }
    } finally {
      this.#isStoring = false
    }
  }

  /** Writes one batch to disk, which releases its files. Returns true if that worked. */
  async #store(queued: QueuedBatch): Promise<boolean> {
    const { disk } = this.#context
    if (!disk || !queued.body || queued.stored || queued.isBeingStored) return false
    const { body, entryCount } = queued
    queued.isBeingStored = true
    const stored = await disk.store({ tenant: this.tenant, entryCount, body })
    queued.isBeingStored = false
    if (!stored) return false
    if (queued.body === undefined) {
      // The server has accepted it meanwhile.
      void disk.remove(stored)
      return true
    }
    queued.stored = stored
    queued.settle?.()
    queued.settle = undefined
    if (!this.#inFlight.has(queued)) this.#forget(queued)
    this.#context.onProgress()
    return true
  }

  /** Closes the open batches. From now on only existing ones are sent. */
  drain(): void {
    this.#sealAll()
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    this.pump()
  }

  /** Writes to disk what could not be sent in time. */
  async storeRest(): Promise<void> {
    for (const queued of [...this.#inFlight, ...this.#sealed]) await this.#store(queued)
  }
}
