// Everything between the pipeline and one server: streams, the line rate limit, a queue for each tenant,
// and the count of bytes in memory that pauses the tailers.

import { BufferPool, type Label } from '@skald/wire'
import type { Logger } from 'pino'
import type { GapSink } from '../gaps/gap-log.ts'
import {
  idleBodyBytesMax,
  idlePieceBytesMax,
  idleTenantsMax,
  pendingBytesMax,
  storeLimitMs,
  streamHandlesMax,
} from '../limits.ts'
import { LabelState } from '../line/label-state.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { SinkLine } from '../line/line-sink.ts'
import type { ClientMetrics } from '../metrics/agent-metrics.ts'
import type { BackoffConfig } from '../net/backoff.ts'
import type { BatchedStream, BatchPools } from './batch.ts'
import type { PushTransport } from './client.ts'
import type { Delivery } from './delivery.ts'
import type { DiskBuffer } from './disk-buffer.ts'
import { TenantQueue } from './tenant-queue.ts'

/** Limits and waits of one client. */
export interface QueueConfig {
  readonly batchWaitMs: number
  readonly batchBytesMax: number
  readonly tenantId: string
  readonly externalLabels: ReadonlyMap<string, string>
  readonly backoff: BackoffConfig
  readonly dropsRateLimited: boolean
  /** Longest line in bytes; 0 for no limit. */
  readonly lineBytesMax: number
  readonly truncatesLines: boolean
  /** Most distinct streams; 0 for no limit. */
  readonly streamsMax: number
}

const tenantLabel = '__tenant_id__'

/** The queue's state of a stream. */
interface PushStreamHandle extends BatchedStream {
  queue: TenantQueue
}

/** Batches lines and sends them until the server has accepted them. */
export class PushQueue implements Delivery {
  readonly #config: QueueConfig
  readonly #metrics: ClientMetrics
  readonly #transport: PushTransport
  readonly #disk: DiskBuffer | undefined
  readonly #logger: Logger
  readonly #beforeSend: () => void
  readonly #tenants = new Map<string, TenantQueue>()
  readonly #handles = new Map<string, PushStreamHandle>()
  /** Files whose lines wait for their tenant. */
  readonly #heldUp = new Map<LineOrigin, TenantQueue>()
  readonly #abort = new AbortController()
  readonly #pools: BatchPools = {
    pieces: new BufferPool(idlePieceBytesMax, { freesAtOnce: true }),
    bodies: new BufferPool(idleBodyBytesMax),
  }
  #pendingBytes = 0
  #sequence = 0
  readonly #drained: (() => void)[] = []
  #state: 'running' | 'draining' | 'closed' = 'running'
  /** Takes what is dropped. */
  gaps: GapSink | undefined
  /** Called when memory for more lines is free again. */
  onRoom: (() => void) | undefined

  constructor(options: {
    readonly config: QueueConfig
    readonly transport: PushTransport
    readonly metrics: ClientMetrics
    readonly logger: Logger
    /** Called before each request, to write to disk what must be there before lines leave. */
    readonly beforeSend: () => void
    /** Where batches wait while the server does not accept them. Without it they wait in memory. */
    readonly disk?: DiskBuffer | undefined
  }) {
    this.#config = options.config
    this.#transport = options.transport
    this.#metrics = options.metrics
    this.#logger = options.logger
    this.#beforeSend = options.beforeSend
    this.#disk = options.disk
    for (const stored of options.disk?.recovered ?? []) {
      this.#tenantQueue(stored.tenant).addStored(stored)
    }
    for (const queue of this.#tenants.values()) queue.pump()
  }

  /** True if more lines may be read. */
  get hasRoom(): boolean {
    return this.#pendingBytes < pendingBytesMax
  }

  add(line: SinkLine): void {
    const handle = (line.labels.handle as PushStreamHandle | undefined) ?? this.#findHandle(line)
    if (!handle || !this.#fits(line, handle)) return
    line.origin.lastLabels = line.labels
    if (handle.queue.isRetired) handle.queue = this.#tenantQueue(handle.queue.tenant)
    let byteLength = line.end - line.start
    if (line.metadata) byteLength += metadataBytes(line.metadata)
    handle.queue.add(handle, line, byteLength)
    if (this.#isOverShare(handle.queue)) {
      line.origin.holdUp()
      this.#heldUp.set(line.origin, handle.queue)
    }
  }

  /**
   * Returns true if a tenant has more in memory than is free. One tenant whose pushes fail may fill half of
   * the memory, two of them two thirds, and so on, so the others always have room.
   */
  #isOverShare(queue: TenantQueue): boolean {
    return queue.memoryBytes > pendingBytesMax - this.#pendingBytes
  }

  /** Applies the limit on line length. May cut the line. */
  #fits(line: SinkLine, { queue: { tenant }, labelsText }: PushStreamHandle): boolean {
    const { lineBytesMax, truncatesLines } = this.#config
    const length = line.end - line.start
    if (lineBytesMax === 0 || length <= lineBytesMax || line.origin.isOfAgent) return true
    if (!truncatesLines) {
      this.#metrics.countDropped(tenant, 'line_too_long', { bytes: length, entries: 1 })
      this.gaps?.note({ tenant, labelsText, kind: 'too_long', bytes: length, lines: 1 })
      return false
    }
    line.end = cutAtCharacter(line.bytes, line.start, line.start + lineBytesMax)
    this.#metrics.countMutated(tenant, 'line_too_long', {
      bytes: length - (line.end - line.start),
      entries: 1,
    })
    return true
  }

  /** Finds the stream of a line. If there are too many streams, drops the line and returns `undefined`. */
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
      if (streamsMax > 0 && this.#handles.size >= streamsMax && !line.origin.isOfAgent) {
        const bytes = line.end - line.start
        this.#metrics.countDropped(tenant, 'stream_limited', { bytes, entries: 1 })
        const gap = { tenant, labelsText, kind: 'too_many_streams', bytes, lines: 1 } as const
        this.gaps?.note(gap, { isShared: true })
        return undefined
      }
      if (this.#handles.size >= streamHandlesMax) this.#handles.clear()
      const queue = this.#tenantQueue(tenant)
      handle = { labelsText, queue, hash: hashText(key), batch: undefined, stream: undefined }
      this.#handles.set(key, handle)
      this.#metrics.startTenant(tenant)
    }
    line.labels.handle = handle
    return handle
  }

  #tenantQueue(tenant: string): TenantQueue {
    let queue = this.#tenants.get(tenant)
    if (queue) return queue
    if (this.#tenants.size >= idleTenantsMax) this.#retireIdle()
    queue = new TenantQueue(tenant, {
      ...{ config: this.#config, transport: this.#transport, metrics: this.#metrics },
      ...{ logger: this.#logger, beforeSend: this.#beforeSend, pools: this.#pools },
      ...{ signal: this.#abort.signal, disk: this.#disk, gaps: () => this.gaps },
      nextSequence: () => ++this.#sequence,
      onBytes: bytes => {
        this.#pendingBytes += bytes
      },
      onProgress: () => this.#progress(),
    })
    this.#tenants.set(tenant, queue)
    return queue
  }

  #retireIdle(): void {
    for (const [tenant, queue] of this.#tenants) {
      if (!queue.isEmpty) continue
      queue.retire()
      this.#tenants.delete(tenant)
    }
  }

  /** Resumes those who waited for memory, after a batch has left. */
  #progress(): void {
    for (const [origin, queue] of this.#heldUp) {
      if (this.#isOverShare(queue)) continue
      this.#heldUp.delete(origin)
      origin.release()
    }
    if (this.hasRoom) this.onRoom?.()
    if (this.#drained.length > 0 && this.#isEmpty) {
      for (const done of this.#drained.splice(0)) done()
    }
  }

  get #isEmpty(): boolean {
    for (const queue of this.#tenants.values()) if (!queue.isEmpty) return false
    return true
  }

  async drain(): Promise<void> {
    for (const queue of this.#tenants.values()) queue.drain()
    if (this.#isEmpty) return
    await new Promise<void>(resolve => this.#drained.push(resolve))
  }

  /**
   * Sends the rest. Resolves when everything has been accepted, or when `limitMs` is over and the rest
   * is on disk, if there is a disk buffer.
   */
  async stop(limitMs: number): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'draining'
    let timer: NodeJS.Timeout | undefined
    const isOver = new Promise<void>(resolve => {
      timer = setTimeout(resolve, limitMs)
    })
    await Promise.race([this.drain(), isOver])
    clearTimeout(timer)
    this.#state = 'closed'
    this.#abort.abort()
    this.#transport.close()
    if (this.#disk) await this.#storeRest(this.#disk)
  }

  async #storeRest(disk: DiskBuffer): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const isOver = new Promise<void>(resolve => {
      timer = setTimeout(resolve, storeLimitMs)
    })
    const stored = Promise.all([...this.#tenants.values()].map(queue => queue.storeRest()))
    await Promise.race([stored.then(() => disk.idle()), isOver])
    clearTimeout(timer)
  }
}

function metadataBytes(labels: readonly Label[]): number {
  let bytes = 0
  for (const { name, value } of labels) bytes += name.length + value.length
  return bytes
}

/** Cuts at a byte count without splitting a character. */
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
