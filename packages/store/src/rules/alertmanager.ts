// Sends alerts to one Alertmanager, with version 2 of its API. What waits is bounded: beyond that, the oldest are dropped
// and counted.

import { labelSetToObject } from '@skald/wire'
import { alertsAtOnceMax, notifyPauseMsLeast, notifyPauseMsMost } from '../limits.ts'
import type { AlertmanagerConfig } from '../ruler-config.ts'
import { HttpPoster, mayRetry } from './http-poster.ts'
import type { Notice } from './notice.ts'
import { Backoff } from './pause.ts'
import { relabeled } from './relabeled.ts'
import type { RulerMetrics } from './ruler-metrics.ts'

export interface AlertmanagerOptions {
  readonly server: AlertmanagerConfig['servers'][number]
  readonly capacity: number
  readonly timeoutMs: number
  readonly relabelRules: AlertmanagerConfig['relabelRules']
  readonly tenant: string
  readonly metrics: RulerMetrics
  readonly log: (message: string) => void
}

/** The queue of one Alertmanager and one tenant. */
export class Alertmanager {
  readonly #options: AlertmanagerOptions
  readonly #poster: HttpPoster
  readonly #stop = new AbortController()
  readonly #labels: { readonly user: string; readonly alertmanager: string }
  /** By labels: a newer word about an alert takes the place of an older one that was not sent. */
  readonly #waiting = new Map<string, Notice>()
  #sending: Promise<void> | undefined

  constructor(options: AlertmanagerOptions) {
    this.#options = options
    this.#poster = new HttpPoster(options.server.access)
    this.#labels = { user: options.tenant, alertmanager: `${options.server.url}/api/v2/alerts` }
    options.metrics.notificationsSent.inc(this.#labels, 0)
    options.metrics.notificationErrors.inc(this.#labels, 0)
    options.metrics.notificationsDropped.inc(this.#labels, 0)
    options.metrics.queueCapacity.set(this.#labels, options.capacity)
    options.metrics.queueLength.set(this.#labels, 0)
  }

  send(notices: readonly Notice[]): void {
    const { capacity, metrics, relabelRules } = this.#options
    for (const notice of relabeled(notices, relabelRules)) {
      const key = JSON.stringify([notice.labels, notice.startsMs])
      this.#waiting.delete(key)
      this.#waiting.set(key, notice)
    }
    while (this.#waiting.size > capacity) {
      this.#waiting.delete(this.#waiting.keys().next().value!)
      metrics.notificationsDropped.inc(this.#labels)
    }
    this.#tellLength()
    this.#wake()
  }

  #wake(): void {
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined
      if (this.#waiting.size > 0 && !this.#stop.signal.aborted) this.#wake()
    })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#sending
    this.#poster.close()
  }

  async #drain(): Promise<void> {
    const backoff = new Backoff(notifyPauseMsLeast, notifyPauseMsMost)
    const { signal } = this.#stop
    let hasFailed = false
    for (;;) {
      this.#forgetMoved()
      if (this.#waiting.size === 0 || signal.aborted) return
      const batch = [...this.#waiting].slice(0, alertsAtOnceMax)
      const answer = await this.#post(batch.map(([, notice]) => notice))
      if (signal.aborted) return
      const isSent = answer.status >= 200 && answer.status < 300
      const { notificationsSent, notificationErrors, notificationsDropped } = this.#options.metrics
      if (isSent) notificationsSent.inc(this.#labels, batch.length)
      else notificationErrors.inc(this.#labels)
      if (!isSent && !hasFailed) {
        hasFailed = true
        this.#options.log(
          `the Alertmanager at ${this.#options.server.url} takes no alerts: ${answer.status > 0 ? `${answer.status} ` : ''}${answer.text}`,
        )
      }
      if (!isSent && mayRetry(answer)) {
        await backoff.wait(signal, answer.retryAfterMs)
        continue
      }
      if (!isSent) notificationsDropped.inc(this.#labels, batch.length)
      // What came meanwhile about the same alerts stays.
      for (const [key, notice] of batch)
        if (this.#waiting.get(key) === notice) this.#waiting.delete(key)
      this.#tellLength()
      backoff.reset()
    }
  }

  /** Another process sends these, and knows better. */
  #forgetMoved(): void {
    for (const [key, { isCurrent }] of this.#waiting)
      if (isCurrent?.() === false) this.#waiting.delete(key)
    this.#tellLength()
  }

  async #post(notices: readonly Notice[]) {
    const { server, timeoutMs, tenant, metrics } = this.#options
    const end = metrics.notificationSeconds.startTimer(this.#labels)
    const answer = await this.#poster.post({
      url: `${server.url}/api/v2/alerts`,
      body: JSON.stringify(notices.map(alertJson)),
      headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant },
      timeoutMs,
      signal: this.#stop.signal,
    })
    end()
    return answer
  }

  #tellLength(): void {
    this.#options.metrics.queueLength.set(this.#labels, this.#waiting.size)
  }
}

function alertJson({ labels, annotations, startsMs, endsMs, link }: Notice): object {
  return {
    labels: labelSetToObject(labels),
    annotations: labelSetToObject(annotations),
    startsAt: new Date(startsMs).toISOString(),
    endsAt: new Date(endsMs).toISOString(),
    generatorURL: link,
  }
}
