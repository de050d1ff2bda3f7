// Keeps the objects of one kind up to date: lists them page by page, then watches from the list's version
// on. If the server no longer has that version (410 Gone), it lists again. Any other failure is retried
// from the last version received.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ApiError } from '../../errors.ts'
import {
  expiredListsMax,
  listPageObjectsMax,
  steadyWatchMs,
  watchBackoff,
  watchFailuresMax,
  watchGraceMs,
  watchSecondsMax,
  watchSecondsMin,
} from '../../limits.ts'
import type { AgentMetrics } from '../../metrics/agent-metrics.ts'
import { backoffMs } from '../../net/backoff.ts'
import type { ApiClient } from '../api-client.ts'
import { JsonLines } from '../json-lines.ts'
import { ProblemReport } from '../problem-report.ts'
import { metaKey, type RawObject } from './objects.ts'

/** What to watch. */
export interface ResourceConfig<T> {
  /** Path of the list, such as `/api/v1/namespaces/a/pods`. */
  readonly path: string
  /** Name of the kind for messages and metrics, such as `pod`. */
  readonly role: string
  readonly labelSelector: string
  readonly fieldSelector: string
  /** Reduces an object to the parts to keep. */
  readonly read: (raw: RawObject) => T
  /**
   * How long a deleted object is kept. After a broken watch, creation and deletion of an object may arrive
   * together, while its logs are still readable.
   */
  readonly lingerMs: number
}

export interface ResourceWatchOptions<T> extends ResourceConfig<T> {
  /** Finds the server again. Throws if there is none. */
  readonly connect: () => ApiClient
  readonly onChange: () => void
  readonly metrics: AgentMetrics
  readonly logger: Logger
}

interface RawList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items?: readonly RawObject[]
}

interface RawEvent {
  readonly type?: string
  readonly object?: RawObject & { readonly code?: number; readonly message?: string }
}

/** Keeps the objects of one kind. */
export class ResourceWatch<T> {
  readonly #options: ResourceWatchOptions<T>
  #items = new Map<string, T>()
  /** Deleted objects that are kept for a while. */
  readonly #lingering = new Map<T, NodeJS.Timeout>()
  #client: ApiClient | undefined
  /** Version the next watch starts from. Absent if a list comes first. */
  #version: string | undefined
  #hasListed = false
  #failures = 0
  #expiredLists = 0
  readonly #problem: ProblemReport
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: ResourceWatchOptions<T>) {
    this.#options = options
    const { logger, role, path } = options
    this.#problem = new ProblemReport({
      ...{ logger, fields: { role, path } },
      began: 'Cannot ask the Kubernetes API server, will try again',
      ended: 'Kubernetes API server answers again',
    })
  }

  /** Objects by namespace and name. */
  get items(): ReadonlyMap<string, T> {
    return this.#items
  }

  /** Yields all objects, including those deleted a moment ago. */
  *all(): Iterable<T> {
    yield* this.#items.values()
    yield* this.#lingering.keys()
  }

  /** True once the objects have been listed. */
  get hasListed(): boolean {
    return this.#hasListed
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      let retryAfterMs: number | undefined
      try {
        this.#client ??= this.#options.connect()
        if (this.#version === undefined) await this.#list(this.#client)
        await this.#watch(this.#client)
        continue
      } catch (error) {
        if (signal.aborted) break
        retryAfterMs = this.#judge(error as Error)
        // An expired version is normal: the first time, list again at once.
        if (this.#version === undefined && this.#failures === 1) continue
      }
      const random = Math.random
      const asked = retryAfterMs === undefined ? { random } : { random, retryAfterMs }
      await pause(backoffMs(watchBackoff, Math.max(0, this.#failures - 1), asked), signal)
    }
    this.#client?.close()
  }

  /** Decides how to continue after a failure. Returns the wait that the server asked for, if any. */
  #judge(error: Error): number | undefined {
    const { metrics, role } = this.#options
    const status = error instanceof ApiError ? error.status : undefined
    this.#failures++
    if (status === 410) {
      this.#version = undefined
      return undefined
    }
    metrics.kubernetesFailures.inc({ role })
    if (this.#failures >= watchFailuresMax) this.#version = undefined
    // Reconnect with the current addresses, tokens and certificates.
    this.#client?.close()
    this.#client = undefined
    this.#problem.tell(error.message + adviceFor(status, role))
    return error instanceof ApiError ? error.retryAfterMs : undefined
  }

  async #list(client: ApiClient): Promise<void> {
    const { path, read, labelSelector, fieldSelector } = this.#options
    const next = new Map<string, T>()
    let from: string | undefined
    let version: string | undefined
    do {
      const query = {
        ...{ labelSelector, fieldSelector, continue: from },
        limit: this.#expiredLists < expiredListsMax ? listPageObjectsMax : undefined,
        // A first list of a few objects may come from the server's cache, which has no pages. A list after
        // a 410 must be newer than that.
        resourceVersion: this.#hasListed || from || fieldSelector === '' ? undefined : '0',
      }
      const list = (await this.#getPage(client, path, query)) as RawList
      for (const item of list.items ?? []) next.set(keyOf(item), read(item))
      version = list.metadata?.resourceVersion
      from = list.metadata?.continue || undefined
    } while (from !== undefined)
    if (!version) throw new Error(`the list of ${path} has no resourceVersion`)
    this.#expiredLists = 0
    for (const [key, item] of this.#items) if (!next.has(key)) this.#linger(item)
    this.#items = next
    this.#version = version
    this.#hasListed = true
    this.#problem.tell(undefined)
    this.#options.onChange()
  }

  async #getPage(
    client: ApiClient,
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
  ): Promise<unknown> {
    try {
      return await client.getJson(path, query, this.#abort.signal)
    } catch (error) {
      if (error instanceof ApiError && error.status === 410) this.#expiredLists++
      throw error
    }
  }

  /** Follows changes until the server ends the watch. */
  async #watch(client: ApiClient): Promise<void> {
    const { path, labelSelector, fieldSelector } = this.#options
    const span = watchSecondsMax - watchSecondsMin
    const timeoutSeconds = watchSecondsMin + Math.floor(Math.random() * span)
    const query = {
      ...{ labelSelector, fieldSelector, timeoutSeconds, watch: 1, allowWatchBookmarks: true },
      resourceVersion: this.#version,
    }
    const idleMs = timeoutSeconds * 1000 + watchGraceMs
    const { signal } = this.#abort
    const response = await client.open(path, query, { signal, idleMs })
    this.#problem.tell(undefined)
    const lines = new JsonLines()
    const openedMs = performance.now()
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        for (const event of lines.push(chunk)) {
          this.#apply(event as RawEvent)
          this.#failures = 0
        }
      }
    } finally {
      if (performance.now() - openedMs > steadyWatchMs) this.#failures = 0
    }
    if (lines.hasRest) throw new Error('the watch was cut off in the middle of an event')
    // A server that ends each watch at once must not be asked again without a pause.
    if (performance.now() - openedMs < steadyWatchMs) await pause(watchBackoff.minMs, signal)
  }

  #apply({ type, object = {} }: RawEvent): void {
    const { read, onChange, metrics, role } = this.#options
    if (type === 'ERROR') {
      const { code = 500, message = 'no reason given' } = object
      throw new ApiError(`watch ended: ${message}`, { status: code, retryAfterMs: undefined })
    }
    const version = object.metadata?.resourceVersion
    if (version) this.#version = version
    if (type === 'BOOKMARK') return
    if (type === 'DELETED') this.#delete(keyOf(object), read(object))
    else if (type === 'ADDED' || type === 'MODIFIED') this.#items.set(keyOf(object), read(object))
    else throw new Error(`the watch gave an event of unknown type ${JSON.stringify(type)}`)
    metrics.kubernetesEvents.inc({ role, event: eventNames[type] })
    onChange()
  }

  /** Removes an object. A deletion event carries the object's last state. */
  #delete(key: string, last: T): void {
    this.#items.delete(key)
    this.#linger(last)
  }

  #linger(item: T): void {
    const { lingerMs, onChange } = this.#options
    if (lingerMs === 0) return
    const timer = setTimeout(() => {
      this.#lingering.delete(item)
      onChange()
    }, lingerMs)
    this.#lingering.set(item, timer)
  }

  /** Stops the watch. Resolves once its request has ended. */
  async stop(): Promise<void> {
    this.#abort.abort()
    for (const timer of this.#lingering.values()) clearTimeout(timer)
    await this.#running
  }
}

const eventNames = { ADDED: 'add', MODIFIED: 'update', DELETED: 'delete' } as const

function keyOf({ metadata = {} }: RawObject): string {
  return metaKey({ namespace: metadata.namespace ?? '', name: metadata.name ?? '' })
}

/** Returns advice for a rejected request. */
function adviceFor(status: number | undefined, role: string): string {
  if (status === 401) return '. The token is not accepted: it is read again each time'
  if (status === 403) return `. Allow the service account to list and watch (role ${role})`
  return ''
}

/** Waits, but stops early when the watch is stopped. */
async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  await sleep(waitMs, undefined, { signal }).catch(() => undefined)
}
