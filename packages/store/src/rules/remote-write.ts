// Writes samples to one server by Prometheus' remote write, in order. What the server does not have yet waits in a queue
// that survives the process, so neither a restart nor a server that is away loses any.

import assert from 'node:assert'
import { createHash } from 'node:crypto'
import type { RemoteWriteConfig, RulerLimits } from '../ruler-config.ts'
import { mayRetry, type PostAnswer } from './http-poster.ts'
import { Backoff } from './pause.ts'
import { relabeled } from './relabeled.ts'
import type { QueueOptions } from './rule-store.ts'
import type { RulerMetrics } from './ruler-metrics.ts'
import type { WaitingPiece, WriteQueue } from './write-queue.ts'
import { encodeWriteRequest, type SamplesOfTenant, type WriteSample } from './write-request.ts'
import { type WriteTarget, WriteTargets } from './write-targets.ts'

export interface RemoteWriteOptions {
  readonly config: RemoteWriteConfig
  readonly openQueue: (options: QueueOptions) => WriteQueue
  readonly sendsTenant: boolean
  readonly limitsOf: (tenant: string) => RulerLimits
  readonly metrics: RulerMetrics
  readonly log: (message: string) => void
  readonly version: string
}

/** One server. */
export class RemoteWrite {
  readonly #options: RemoteWriteOptions
  /** Names the queue. */
  readonly name: string
  readonly #queue: WriteQueue
  readonly #targets: WriteTargets
  readonly #stop = new AbortController()
  readonly #labels: { readonly client: string }
  #sending: Promise<void> | undefined
  #hasMore = false
  /** Why samples could not be read the last time. */
  #failure = ''

  constructor(options: RemoteWriteOptions) {
    const { config, openQueue, metrics, log, limitsOf } = options
    this.#options = options
    this.#labels = { client: config.id }
    this.#targets = new WriteTargets(config, limitsOf)
    // Names of servers are data, so they are no part of a path.
    this.name = createHash('sha1').update(config.id).digest('hex').slice(0, 16)
    this.#queue = openQueue({
      name: this.name,
      onDrop: count => {
        metrics.samplesDropped.inc(this.#labels, count)
        log(`${count} samples for ${config.id} were dropped: too many wait`)
      },
    })
    for (const counter of [metrics.samplesWritten, metrics.samplesFailed, metrics.samplesRetried])
      counter.inc(this.#labels, 0)
    metrics.samplesDropped.inc(this.#labels, 0)
    this.wake()
  }

  /** Adds samples of a tenant. Resolves once they are stored. @throws the system's error. */
  async append(tenant: string, samples: readonly WriteSample[]): Promise<void> {
    const { append } = this.#queue
    assert(append, 'samples come with the states of groups')
    await append({ tenant, samples })
    this.wake()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#sending
    await this.#queue.close()
    this.#targets.close()
  }

  /** Looks for samples to send. */
  wake(): void {
    this.#hasMore = true
    this.#options.metrics.pendingBytes.set(this.#labels, this.#queue.waitingBytes)
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined
      if (this.#hasMore && !this.#stop.signal.aborted) this.wake()
    })
  }

  async #drain(): Promise<void> {
    const { config, log, metrics } = this.#options
    const { signal } = this.#stop
    while (this.#hasMore && !signal.aborted) {
      this.#hasMore = false
      try {
        for (;;) {
          const piece = await this.#queue.read(config.samplesPerSend)
          this.#failure = ''
          metrics.pendingBytes.set(this.#labels, this.#queue.waitingBytes)
          if (!piece || this.#isOver) break
          await this.#send(piece)
          if (this.#isOver) return
          await piece.settle()
          metrics.pendingBytes.set(this.#labels, this.#queue.waitingBytes)
        }
      } catch (error) {
        const { message } = error as Error
        if (message !== this.#failure) log(`cannot read the samples for ${config.id}: ${message}`)
        this.#failure = message
        return
      }
    }
  }

  /** Whether another process sends, or this one ends. */
  get #isOver(): boolean {
    return this.#stop.signal.aborted || !this.#queue.isMine
  }

  async #send({ records, isAgain }: WaitingPiece): Promise<void> {
    const ofTenant = Map.groupBy(records, ({ tenant }) => tenant)
    for (const [tenant, own] of ofTenant) await this.#sendAll(tenant, own, isAgain)
  }

  async #sendAll(
    tenant: string,
    records: readonly SamplesOfTenant[],
    isAgain: boolean,
  ): Promise<void> {
    const samples = relabeled(
      records.flatMap(record => record.samples),
      this.#targets.of(tenant).config.relabelRules,
    )
    // The tenant may have a smaller size than the queue.
    for (let from = 0; from < samples.length && !this.#isOver; ) {
      const { samplesPerSend } = this.#targets.of(tenant).config
      await this.#sendPart(tenant, samples.slice(from, from + samplesPerSend), isAgain)
      from += samplesPerSend
    }
  }

  async #sendPart(
    tenant: string,
    samples: readonly WriteSample[],
    isAgain: boolean,
  ): Promise<void> {
    const { config, metrics, log } = this.#options
    const { signal } = this.#stop
    const { backoffMinMs, backoffMaxMs } = this.#targets.of(tenant).config
    const backoff = new Backoff(backoffMinMs, backoffMaxMs)
    for (let hasFailed = false; !this.#isOver; ) {
      // Limits may change while a server is away.
      const target = this.#targets.of(tenant)
      const answer = await this.#post(tenant, target, samples)
      if (signal.aborted) return
      if (answer.status >= 200 && answer.status < 300) {
        metrics.samplesWritten.inc(this.#labels, samples.length)
        if (hasFailed) log(`${config.id} takes samples again`)
        return
      }
      const why = `${answer.status > 0 ? `${answer.status} ` : ''}${answer.text}`
      if (answer.status === 415 && target.protocol.version === 2) {
        log(`${config.id} does not take version 2.0 of remote write: sending version 1.0`)
        target.protocol.version = 1
        continue
      }
      // Prometheus refuses samples that it has.
      if (isAgain && answer.status === 400) {
        log(
          `${config.id} refuses samples that were sent before, so it has them: 400 ${answer.text}`,
        )
        return
      }
      if (!mayRetry(answer)) {
        metrics.samplesFailed.inc(this.#labels, samples.length)
        log(`${config.id} refuses ${samples.length} samples: ${why}`)
        return
      }
      metrics.samplesRetried.inc(this.#labels, samples.length)
      if (!hasFailed) log(`${config.id} takes no samples, they wait: ${why}`)
      hasFailed = true
      await backoff.wait(signal, answer.retryAfterMs)
    }
  }

  #post(
    tenant: string,
    { config, poster, protocol }: WriteTarget,
    samples: readonly WriteSample[],
  ): Promise<PostAnswer> {
    const { sendsTenant, version } = this.#options
    const isFirst = protocol.version === 1
    return poster.post({
      url: config.url,
      body: encodeWriteRequest(samples, protocol.version),
      headers: {
        ...Object.fromEntries(config.headers),
        ...(sendsTenant && { 'x-scope-orgid': tenant }),
        'content-encoding': 'snappy',
        'content-type': isFirst
          ? 'application/x-protobuf'
          : 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
        'x-prometheus-remote-write-version': isFirst ? '0.1.0' : '2.0.0',
        'user-agent': `skald/${version}`,
      },
      timeoutMs: config.timeoutMs,
      signal: this.#stop.signal,
    })
  }
}
