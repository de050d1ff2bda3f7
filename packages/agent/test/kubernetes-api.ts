// A server that behaves like a Kubernetes API server: lists in pages, watches from a version, bookmarks,
// 410 Gone, 401, and connections that break in the middle of an event.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface ApiObject {
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    ownerReferences?: object[]
  }
  [key: string]: unknown
}

interface Change {
  readonly version: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: ApiObject
  readonly collection: string
}

interface Watcher {
  readonly collection: string
  readonly query: URLSearchParams
  readonly response: ServerResponse
}

/** A request as received. */
export interface ApiRequest {
  readonly path: string
  readonly query: URLSearchParams
  readonly token: string | undefined
}

/** Runs on loopback and stops with the test. */
export class KubernetesApi {
  readonly requests: ApiRequest[] = []
  /** The only accepted token. Absent if all are accepted. */
  token: string | undefined
  /** Most objects in a page, whatever the request asks for. */
  pageMax = 1000
  /** Delay before each answer. */
  delayMs = 0
  /** Status of all answers; 0 for the usual ones. */
  failWith = 0
  /** How many list continuations to reject with 410. */
  expiredPages = 0
  /** Sends the bytes of each watch one at a time. */
  isDribbling = false
  url = ''
  #version = 100
  /** Watches from before this version get 410. */
  #oldest = 0
  readonly #objects = new Map<string, Map<string, ApiObject>>()
  readonly #changes: Change[] = []
  readonly #watchers = new Set<Watcher>()
  readonly #isTls: boolean
  readonly #server: ReturnType<typeof createServer>

  constructor(tls?: { readonly cert: string; readonly key: string }) {
    const answer = (request: IncomingMessage, response: ServerResponse) =>
      void this.#answer(request, response)
    this.#isTls = tls !== undefined
    this.#server = tls ? createTlsServer(tls, answer) : createServer(answer)
  }

  /** `collection` is a name such as `pods`. */
  put(collection: string, object: ApiObject): void {
    const objects = this.#objects.get(collection) ?? new Map<string, ApiObject>()
    this.#objects.set(collection, objects)
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`
    this.#change(objects.has(key) ? 'MODIFIED' : 'ADDED', collection, object)
    objects.set(key, object)
  }

  delete(collection: string, object: ApiObject): void {
    this.#objects
      .get(collection)
      ?.delete(`${object.metadata.namespace ?? ''}/${object.metadata.name}`)
    this.#change('DELETED', collection, object)
  }

  #change(type: Change['type'], collection: string, object: ApiObject): void {
    object.metadata.resourceVersion = String(++this.#version)
    const change = { type, collection, object: structuredClone(object), version: this.#version }
    this.#changes.push(change)
    for (const watcher of this.#watchers) this.#send(watcher, change)
  }

  #send({ collection, query, response }: Watcher, change: Change): void {
    if (change.collection !== collection || !isSelected(change.object, query)) return
    const line = `${JSON.stringify({ type: change.type, object: change.object })}\n`
    if (!this.isDribbling) response.write(line)
    else for (const byte of Buffer.from(line)) response.write(Buffer.of(byte))
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(++this.#version) } }
    for (const { response } of this.#watchers) {
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
    }
  }

  /** Forgets all earlier changes, like a compaction of etcd. */
  compact(): void {
    this.#oldest = this.#version
    this.#changes.length = 0
  }

  /** Reports to all watches that their version is gone. */
  expireWatches(): void {
    const object = {
      kind: 'Status',
      code: 410,
      reason: 'Expired',
      message: 'too old resource version',
    }
    for (const { response } of this.#watchers) {
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`)
    }
    this.#watchers.clear()
  }

  /** Breaks all watches, after sending `last`. */
  breakWatches(last = ''): void {
    for (const { response } of this.#watchers) {
      if (last) response.write(last, () => response.destroy())
      else response.destroy()
    }
    this.#watchers.clear()
  }

  /** Ends all watches, as if their time were over. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end()
    this.#watchers.clear()
  }

  get watchCount(): number {
    return this.#watchers.size
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://x')
    const token = request.headers.authorization?.replace('Bearer ', '')
    this.requests.push({ path: url.pathname, query: url.searchParams, token })
    if (this.delayMs > 0) await new Promise(resolve => setTimeout(resolve, this.delayMs).unref())
    if (this.failWith > 0) return sendStatus(response, this.failWith, 'told so')
    if (this.token !== undefined && token !== this.token) {
      return sendStatus(response, 401, 'Unauthorized')
    }
    const match = /^\/(?:api\/v1|apis\/[\w.]+\/v1)(?:\/namespaces\/([^/]+))?\/(\w+)$/.exec(
      url.pathname,
    )
    if (!match) return sendStatus(response, 404, `no such path ${url.pathname}`)
    const [, namespace, collection] = match as unknown as [string, string | undefined, string]
    if (url.searchParams.get('watch')) this.#watch(collection, url.searchParams, response)
    else this.#list({ collection, namespace }, url.searchParams, response)
  }

  #list(
    of: { readonly collection: string; readonly namespace: string | undefined },
    query: URLSearchParams,
    response: ServerResponse,
  ): void {
    const from = Number(query.get('continue') ?? 0)
    if (from > 0 && this.expiredPages > 0) {
      this.expiredPages--
      sendStatus(response, 410, 'The provided continue parameter is too old')
      return
    }
    const all = [...(this.#objects.get(of.collection)?.values() ?? [])].filter(
      object =>
        (of.namespace === undefined || object.metadata.namespace === of.namespace) &&
        isSelected(object, query),
    )
    const limit = Math.min(Number(query.get('limit') ?? 1e9), this.pageMax)
    const end = query.has('limit') ? from + limit : all.length
    const metadata = {
      resourceVersion: String(this.#version),
      ...(end < all.length ? { continue: String(end) } : {}),
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ kind: 'List', metadata, items: all.slice(from, end) }))
  }

  #watch(collection: string, query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'))
    if (from < this.#oldest) {
      sendStatus(response, 410, 'too old resource version')
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const watcher = { collection, query, response }
    for (const change of this.#changes) if (change.version > from) this.#send(watcher, change)
    this.#watchers.add(watcher)
    response.on('close', () => this.#watchers.delete(watcher))
  }

  async listen(t: Test): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    t.teardown(() => {
      this.#server.close()
      this.#server.closeAllConnections()
    })
  }
}

function sendStatus(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message }))
}

/** Supports the selectors that the tests use: equality of labels, name and node. */
function isSelected(object: ApiObject, query: URLSearchParams): boolean {
  const conditions = (name: string) =>
    (query.get(name) ?? '')
      .split(',')
      .filter(text => text !== '')
      .map(text => text.split('=') as [string, string])
  const fields: Record<string, string | undefined> = {
    'spec.nodeName': (object.spec as { nodeName?: string } | undefined)?.nodeName,
    'metadata.name': object.metadata.name,
  }
  return (
    conditions('labelSelector').every(
      ([name, value]) => object.metadata.labels?.[name] === value,
    ) && conditions('fieldSelector').every(([name, value]) => fields[name] === value)
  )
}

/** Starts a server without objects, with TLS if given a certificate. */
export async function startKubernetesApi(
  t: Test,
  tls?: { readonly cert: string; readonly key: string },
): Promise<KubernetesApi> {
  const api = new KubernetesApi(tls)
  await api.listen(t)
  return api
}

/** Returns a pod in the API's form, running on node `host`. */
export function pod(name: string, more: Partial<ApiObject> = {}): ApiObject {
  const { metadata, ...rest } = more
  return {
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, labels: { app: name }, ...metadata },
    spec: { nodeName: 'host', containers: [{ name: 'main', image: 'shop/main:1' }] },
    status: {
      phase: 'Running',
      podIP: '10.0.0.7',
      hostIP: '192.168.1.4',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'main', containerID: 'containerd://abc' }],
    },
    ...rest,
  }
}
