// The objects of one kind, kept up to date: listed page by page, then watched from the list's version
// on. When the server no longer has that version (410 Gone) they are listed again; whatever else goes
// wrong is tried again, from the last version that came.

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

/** What is watched. */
export interface ResourceConfig<T> {
  /** Path of the list, such as `/api/v1/namespaces/a/pods`. */
  readonly path: string
  /** Name of the kind for messages and metrics, such as `pod`. */
  readonly role: string
  readonly labelSelector: string
  readonly fieldSelector: string
  /** Keeps of an object what is needed. */
  readonly read: (raw: RawObject) => T
  /**
   * So long an object is kept that is deleted. After a watch was broken, word of an object and of its
   * end may come at once, while its logs are still there to be read.
   */
  readonly lingerMs: number
}

export interface ResourceWatchOptions<T> extends ResourceConfig<T> {
  /** Finds the server anew; throws where there is none. */
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
  /** Version that the next watch begins at; absent where a list comes first. */
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

  /** All objects, those that were deleted a moment ago among them. */
  *all(): Iterable<T> {
    yield* this.#items.values()
    yield* this.#lingering.keys()
  }

  /** Tells whether the objects were listed once. */
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
        // A version that is gone is nobody's fault: the first time the list is asked for at once.
        if (this.#version === undefined && this.#failures === 1) continue
      }
      const random = Math.random
      const asked = retryAfterMs === undefined ? { random } : { random, retryAfterMs }
      await pause(backoffMs(watchBackoff, Math.max(0, this.#failures - 1), asked), signal)
    }
    this.#client?.close()
  }

  /** Decides how to go on after a failure; gives the time that the server asked for. */
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
    // Next time with addresses, tokens and certificates as they are then.
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
        // A first list of few objects may come from the server's memory, which knows no pages; one
        // after a 410 must be newer than that.
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
    // A server that ends each watch at once must not be asked again and again without a pause.
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

  /** What comes with the end of an object is its last state. */
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

  /** Ends the watch; settles when its request is gone. */
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

/** Says what to do about a refusal. */
function adviceFor(status: number | undefined, role: string): string {
  if (status === 401) return '. The token is not accepted: it is read again each time'
  if (status === 403) return `. Allow the service account to list and watch (role ${role})`
  return ''
}

/** Waits, but no longer than the watch is wanted. */
async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  await sleep(waitMs, undefined, { signal }).catch(() => undefined)
}
