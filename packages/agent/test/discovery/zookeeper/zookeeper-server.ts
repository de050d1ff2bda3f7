// A small server for the reading side of ZooKeeper's protocol: sessions, data, children and watches.
// Written from the protocol's description, without any of the agent's code.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** What a test does with a ZooKeeper, the small one or a real one. */
export interface TestZookeeper {
  /** `host:port`. */
  readonly address: string
  /** Writes a node. Its parents must exist. */
  put(path: string, data: string): Promise<void>
  /** Removes a node with everything below it. */
  remove(path: string): Promise<void>
}

interface Client {
  readonly socket: Socket
  rest: Buffer
  hasSession: boolean
  readonly dataWatches: Set<string>
  readonly childWatches: Set<string>
}

const events = { created: 1, deleted: 2, changed: 3, children: 4 }
const noNode = -101

const int = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const long = (value: number) => Buffer.concat([int(0), int(value)])
const bytesOf = (value: Buffer) => Buffer.concat([int(value.length), value])
const textOf = (value: string) => bytesOf(Buffer.from(value))
const frame = (...parts: Buffer[]) => bytesOf(Buffer.concat(parts))
const stat = Buffer.alloc(68)
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)
const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/')) || '/'

/** The small server. */
export class ZookeeperServer implements TestZookeeper {
  address = ''
  /** Requested operations, as `<number> <path>`. */
  readonly asked: string[] = []
  /** Paths answered with an error. */
  readonly errors = new Map<string, number>()
  /** Accepts everything and answers nothing. */
  isSilent = false
  timeoutMs: number | undefined
  openedCount = 0
  closedCount = 0
  pingCount = 0
  readonly clients = new Set<Client>()
  /** Names of children, by path. */
  readonly #children = new Map<string, Set<string>>()
  readonly #nodes = new Map<string, Buffer>([['/', Buffer.alloc(0)]])
  readonly #server = createServer({ noDelay: true }, socket => this.#serve(socket))
  #isAway = false

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.address = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Closes all connections, and each new one at once, like a server without a quorum. The nodes stay. */
  goAway(): void {
    this.#isAway = true
    this.cut()
  }

  comeBack(): void {
    this.#isAway = false
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Closes all connections. */
  cut(): void {
    for (const { socket } of this.clients) socket.destroy()
  }

  async put(path: string, data: string | Buffer): Promise<void> {
    const isNew = !this.#nodes.has(path)
    this.#nodes.set(path, Buffer.from(data))
    const siblings = this.#children.get(parentOf(path)) ?? new Set()
    this.#children.set(parentOf(path), siblings.add(nameOf(path)))
    this.#tell('dataWatches', path, isNew ? events.created : events.changed)
    if (isNew) this.#tell('childWatches', parentOf(path), events.children)
  }

  async remove(path: string): Promise<void> {
    for (const name of this.#childrenOf(path)) await this.remove(`${path}/${name}`)
    this.#nodes.delete(path)
    this.#children.get(parentOf(path))?.delete(nameOf(path))
    this.#tell('dataWatches', path, events.deleted)
    this.#tell('childWatches', path, events.deleted)
    this.#tell('childWatches', parentOf(path), events.children)
  }

  #childrenOf(path: string): string[] {
    return [...(this.#children.get(path) ?? [])]
  }

  /** Fires a watch, which reports only once. */
  #tell(kind: 'dataWatches' | 'childWatches', path: string, event: number): void {
    for (const client of this.clients) {
      if (!client[kind].delete(path)) continue
      const head = [int(-1), long(-1), int(0)]
      client.socket.write(frame(...head, int(event), int(3), textOf(path)))
    }
  }

  #serve(socket: Socket): void {
    if (this.#isAway) {
      socket.destroy()
      return
    }
    const client: Client = {
      ...{ socket, rest: Buffer.alloc(0), hasSession: false },
      ...{ dataWatches: new Set(), childWatches: new Set() },
    }
    this.clients.add(client)
    socket.on('error', () => undefined)
    socket.on('close', () => this.clients.delete(client))
    socket.on('data', chunk => {
      client.rest = Buffer.concat([client.rest, chunk as Buffer])
      while (client.rest.length >= 4) {
        const end = 4 + client.rest.readInt32BE(0)
        if (client.rest.length < end) return
        const request = client.rest.subarray(4, end)
        client.rest = client.rest.subarray(end)
        if (this.isSilent) continue
        if (client.hasSession) this.#answer(client, request)
        else this.#open(client, request)
      }
    })
  }

  #open(client: Client, request: Buffer): void {
    client.hasSession = true
    this.openedCount++
    const timeoutMs = this.timeoutMs ?? request.readInt32BE(12)
    const opened = [int(0), int(timeoutMs), long(this.openedCount), bytesOf(Buffer.alloc(16))]
    client.socket.write(frame(...opened, Buffer.of(0)))
  }

  #answer(client: Client, request: Buffer): void {
    const [id, operation] = [request.readInt32BE(0), request.readInt32BE(4)]
    const reply = (error: number, ...body: Buffer[]) =>
      client.socket.write(frame(int(id), long(1), int(error), ...body))
    if (operation === 11) {
      this.pingCount++
      reply(0)
      return
    }
    if (operation === -11) {
      this.closedCount++
      reply(0)
      client.socket.end()
      return
    }
    const length = request.readInt32BE(8)
    const path = request.toString('utf8', 12, 12 + length)
    const isWatch = request[12 + length] === 1
    this.asked.push(`${operation} ${path}`)
    const error = this.errors.get(path)
    const data = this.#nodes.get(path)
    if (error !== undefined) return void reply(error)
    if (isWatch && (data || operation === 3)) {
      client[operation === 8 ? 'childWatches' : 'dataWatches'].add(path)
    }
    if (!data) reply(noNode)
    else if (operation === 4) reply(0, bytesOf(data), stat)
    else if (operation === 3) reply(0, stat)
    else {
      const names = this.#childrenOf(path)
      reply(0, int(names.length), ...names.map(textOf))
    }
  }
}

/** Starts a small server that stops with the test. */
export async function startZookeeperServer(t: Test): Promise<ZookeeperServer> {
  const server = new ZookeeperServer()
  await server.listen()
  t.teardown(() => server.close())
  return server
}
