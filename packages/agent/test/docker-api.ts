// A server that behaves like Docker, on a Unix socket: lists and inspects containers, sends events, and
// serves their logs in frames with times.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface FakeContainer {
  readonly Id: string
  Names: string[]
  Labels?: Record<string, string>
  HostConfig?: { NetworkMode?: string; LogConfig?: { Type: string } }
  NetworkSettings?: { Networks: Record<string, object> }
  Ports?: object[]
  LogPath?: string
  Config?: { Tty: boolean }
}

interface Message {
  readonly stream: 'stdout' | 'stderr'
  readonly time: string
  readonly text: string
}

/** Runs on a socket and stops with the test. */
export class DockerApi {
  readonly requests: { readonly path: string; readonly query: URLSearchParams }[] = []
  readonly containers = new Map<string, FakeContainer>()
  /** Containers that have ended but are not removed. */
  readonly ended = new Map<string, FakeContainer>()
  networks: object[] = []
  /** Status of all answers; 0 for the usual ones. */
  failWith = 0
  readonly #logs = new Map<string, Message[]>()
  readonly #followers = new Set<{ readonly id: string; readonly response: ServerResponse }>()
  readonly #listeners = new Set<ServerResponse>()
  #nanos = 0
  readonly #server = createServer((request, response) => this.#answer(request, response))

  run(container: FakeContainer): void {
    this.containers.set(container.Id, container)
    this.ended.delete(container.Id)
    this.#tell('start', container.Id)
  }

  end(id: string): void {
    const container = this.containers.get(id)
    if (container) this.ended.set(id, container)
    this.containers.delete(id)
    for (const follower of this.#followers) if (follower.id === id) follower.response.end()
    this.#tell('die', id)
  }

  #tell(action: string, id: string): void {
    for (const response of this.#listeners) {
      response.write(
        `${JSON.stringify({ Type: 'container', Action: action, Actor: { ID: id } })}\n`,
      )
    }
  }

  /** Writes output of a container. A text without a line feed is part of a line. Returns its time. */
  write(id: string, text: string, more: Partial<Message> = {}): string {
    const time = more.time ?? `2026-11-20T10:00:00.${String(++this.#nanos).padStart(9, '0')}Z`
    const message = { stream: more.stream ?? 'stdout', time, text } as const
    const log = this.#logs.get(id) ?? []
    this.#logs.set(id, log)
    log.push(message)
    for (const follower of this.#followers) {
      if (follower.id === id) follower.response.write(this.#frame(id, message))
    }
    return time
  }

  #frame(id: string, { stream, time, text }: Message): Buffer {
    const payload = Buffer.from(`${time} ${text}`)
    if (this.containers.get(id)?.Config?.Tty) return payload
    const header = Buffer.alloc(8)
    header[0] = stream === 'stdout' ? 1 : 2
    header.writeUInt32BE(payload.length, 4)
    return Buffer.concat([header, payload])
  }

  /** Breaks all connections, after the given bytes of a frame if any. */
  breakAll(last?: Buffer): void {
    for (const { response } of this.#followers) {
      if (last) response.write(last, () => response.destroy())
      else response.destroy()
    }
    for (const response of this.#listeners) response.destroy()
    this.#followers.clear()
    this.#listeners.clear()
  }

  get followerCount(): number {
    return this.#followers.size
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://docker')
    this.requests.push({ path: url.pathname, query: url.searchParams })
    const sendJson = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (this.failWith > 0) {
      sendJson(this.failWith, { message: 'told so' })
      return
    }
    if (url.pathname === '/containers/json') {
      const ended = url.searchParams.has('all') ? this.ended.values() : []
      const all = [...this.containers.values(), ...ended]
      sendJson(
        200,
        all.filter(one => isSelected(one, url.searchParams)),
      )
      return
    }
    if (url.pathname === '/networks') {
      sendJson(200, this.networks)
      return
    }
    if (url.pathname === '/events') {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.flushHeaders()
      this.#listeners.add(response)
      response.on('close', () => this.#listeners.delete(response))
      return
    }
    const [, id = '', what] = /^\/containers\/([^/]+)\/(json|logs)$/.exec(url.pathname) ?? []
    const container = this.containers.get(id) ?? this.ended.get(id)
    if (!container) sendJson(404, { message: `No such container: ${id}` })
    else if (what === 'json') sendJson(200, container)
    else this.#follow(id, url.searchParams, response)
  }

  #follow(id: string, query: URLSearchParams, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/vnd.docker.multiplexed-stream' })
    response.flushHeaders()
    const since = query.get('since')
    for (const message of this.#logs.get(id) ?? []) {
      if (since && secondsOf(message.time) < since) continue
      response.write(this.#frame(id, message))
    }
    if (this.ended.has(id)) {
      response.end()
      return
    }
    const follower = { id, response }
    this.#followers.add(follower)
    response.on('close', () => this.#followers.delete(follower))
  }

  /** Address in the form of a configuration. */
  url = ''

  /** Listens on a Unix socket, or on loopback. */
  async listen(t: Test, socketPath: string | undefined): Promise<void> {
    if (socketPath === undefined) this.#server.listen(0, '127.0.0.1')
    else this.#server.listen(socketPath)
    await once(this.#server, 'listening')
    this.url = socketPath
      ? `unix://${socketPath}`
      : `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    t.teardown(() => {
      this.#server.close()
      this.#server.closeAllConnections()
    })
  }
}

function secondsOf(time: string): string {
  const [whole, nanos] = time.slice(0, -1).split('.') as [string, string]
  return `${Date.parse(`${whole}Z`) / 1000}.${nanos}`
}

function isSelected(container: FakeContainer, query: URLSearchParams): boolean {
  const filters = JSON.parse(query.get('filters') ?? '{}') as {
    label?: string[]
    name?: string[]
    id?: string[]
  }
  const labels = (filters.label ?? []).map(text => text.split('=') as [string, string])
  return (
    labels.every(([name, value]) => container.Labels?.[name] === value) &&
    (filters.id?.includes(container.Id) ?? true) &&
    (filters.name ?? []).every(name => container.Names[0]!.includes(name))
  )
}

/** Starts a server on a Unix socket, or on loopback. */
export async function startDockerApi(t: Test, socketPath?: string): Promise<DockerApi> {
  const api = new DockerApi()
  await api.listen(t, socketPath)
  return api
}
