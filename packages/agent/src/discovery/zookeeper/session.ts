// A session with one ZooKeeper server: reads nodes and reports their changes. It lives only as long as its
// connection. A reader loses nothing but its watches with a session, so each connection starts a new one.
// That way no session can turn out to have expired, or be rejected by a server that lags behind.

import { lookup } from 'node:dns'
import { connect, type LookupFunction, type Socket } from 'node:net'
import { formatDurationMs } from '@skald/go-dialect'
import { zookeeperAddressMs, zookeeperCloseMs, zookeeperOpenMs } from '../../limits.ts'
import {
  encodeBoolean,
  encodeBytes,
  encodeFrame,
  encodeInt,
  type Frame,
  FrameReader,
  RecordReader,
} from './jute.ts'

/** Address of a server. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

export interface SessionOptions {
  readonly server: ServerAddress
  /** How long a server may be silent. The server may restrict the value. */
  readonly timeoutMs: number
  /** Cancels opening the session. */
  readonly signal: AbortSignal
  /** Called with the path of a node that has changed since it was read. */
  readonly onChange: (path: string) => void
}

const operations = { exists: 3, getData: 4, ping: 11, getChildren: 8, close: -11 } as const
const ids = { change: -1, ping: -2 } as const
const errors = { noNode: -101, noRight: -102, expired: -112, moved: -118 } as const

interface Question {
  readonly id: number
  /** Called with the part of the answer after its head. */
  readonly take: (record: RecordReader) => void
  readonly miss: () => void
  readonly fail: (error: Error) => void
}

/**
 * Opens a session.
 *
 * @throws Error if the server is unreachable, is not a ZooKeeper, or accepts no sessions.
 */
export async function openSession(options: SessionOptions): Promise<ZookeeperSession> {
  const { signal } = options
  signal.throwIfAborted()
  const session = new ZookeeperSession(options)
  const giveUp = () => session.end(new Error('no longer wanted'))
  signal.addEventListener('abort', giveUp)
  try {
    await session.opened
    return session
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** An open session. */
export class ZookeeperSession {
  readonly #options: SessionOptions
  readonly #socket: Socket
  readonly #frames = new FrameReader()
  readonly #opening = Promise.withResolvers<void>()
  readonly #ending = Promise.withResolvers<Error>()
  /** Answers come in the order of the requests. Callers limit how many are open. */
  readonly #questions: Question[] = []
  #state: 'opening' | 'open' | 'closing' | 'ended' = 'opening'
  #timer: NodeJS.Timeout
  #heardMs = performance.now()
  #lastId = 0

  /** For `openSession`. */
  constructor(options: SessionOptions) {
    this.#options = options
    const { server, timeoutMs } = options
    this.#timer = setTimeout(
      () => this.end(new Error(`no session within ${formatDurationMs(zookeeperOpenMs)}`)),
      zookeeperOpenMs,
    )
    this.#socket = connect({
      ...{ ...server, noDelay: true, lookup: lookUpShuffled },
      ...{ autoSelectFamily: true, autoSelectFamilyAttemptTimeout: zookeeperAddressMs },
    })
    this.#socket.on('connect', () => this.#socket.write(encodeOpening(timeoutMs)))
    this.#socket.on('data', chunk => this.#take(chunk as Buffer))
    this.#socket.on('error', error => this.end(error))
    this.#socket.on('close', () => this.end(new Error('the server closed the connection')))
  }

  /** Resolves when the session is open; for `openSession`. */
  get opened(): Promise<void> {
    return this.#opening.promise
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Resolves with the reason once the session has ended and its connection is closed. */
  get ended(): Promise<Error> {
    return this.#ending.promise
  }

  /** Reads a node's data and watches it. Returns `undefined` if there is no such node. */
  getData(path: string): Promise<Buffer | undefined> {
    return this.#ask(operations.getData, path, record => record.bytes())
  }

  /** Reads the names of a node's children and watches them. Returns `undefined` like `getData`. */
  getChildren(path: string): Promise<string[] | undefined> {
    return this.#ask(operations.getChildren, path, record => record.texts())
  }

  /** Returns true if a node exists. Watches it in either case. */
  async exists(path: string): Promise<boolean> {
    return (await this.#ask(operations.exists, path, () => true)) ?? false
  }

  #ask<T>(operation: number, path: string, read: (record: RecordReader) => T) {
    const { promise, resolve, reject } = Promise.withResolvers<T | undefined>()
    if (this.#state !== 'open') {
      reject(new Error('the session has ended'))
      return promise
    }
    this.#lastId = (this.#lastId % 0x7fff_ffff) + 1
    const question: Question = {
      id: this.#lastId,
      take: record => resolve(read(record)),
      miss: () => resolve(undefined),
      fail: reject,
    }
    this.#questions.push(question)
    const [head, name] = [[question.id, operation].map(encodeInt), encodeBytes(Buffer.from(path))]
    this.#socket.write(encodeFrame(...head, name, encodeBoolean(true)))
    return promise
  }

  #take(chunk: Buffer): void {
    this.#heardMs = performance.now()
    try {
      for (const frame of this.#frames.push(chunk)) {
        if (this.#state === 'opening') this.#begin(frame)
        else if (this.#state === 'open') this.#hear(frame)
      }
    } catch (error) {
      this.end(
        new Error(`not an answer from ZooKeeper: ${(error as Error).message}`, { cause: error }),
      )
    }
  }

  /** Handles the first answer. */
  #begin({ bytes, isTooLong }: Frame): void {
    if (isTooLong) throw new RangeError('it is too long for the start of a session')
    const record = new RecordReader(bytes)
    record.int()
    const timeoutMs = record.int()
    if (timeoutMs <= 0) {
      this.end(new Error('the server rejected the session'))
      return
    }
    clearTimeout(this.#timer)
    this.#state = 'open'
    this.#timer = setInterval(() => this.#keepAlive(timeoutMs), timeoutMs / 3)
    this.#opening.resolve()
  }

  /** Sends pings, and ends the session if the server stays silent. */
  #keepAlive(timeoutMs: number): void {
    const silentMs = performance.now() - this.#heardMs
    if (silentMs >= (timeoutMs * 2) / 3) {
      this.end(new Error(`the server did not answer for ${formatDurationMs(silentMs)}`))
    } else this.#socket.write(encodeFrame(encodeInt(ids.ping), encodeInt(operations.ping)))
  }

  #hear({ bytes, isTooLong }: Frame): void {
    const record = new RecordReader(bytes)
    const id = record.int()
    record.long()
    const error = record.int()
    if (id === ids.ping) return
    if (id === ids.change) {
      this.#hearChange(record)
      return
    }
    const [question] = this.#questions
    if (question?.id !== id) throw new RangeError(`it answers an unknown request, number ${id}`)
    if (isTooLong) question.fail(new Error('the answer of ZooKeeper is too long'))
    else if (error === 0) question.take(record)
    else if (error === errors.noNode) question.miss()
    else {
      const failure = new Error(describeError(error))
      question.fail(failure)
      if (error === errors.expired || error === errors.moved) this.end(failure)
    }
    // Not earlier: a request whose answer cannot be parsed fails with the session.
    this.#questions.shift()
  }

  #hearChange(record: RecordReader): void {
    const kind = record.int()
    record.int()
    // Other kinds concern the session and have no node.
    if (kind > 0) this.#options.onChange(record.text())
  }

  /** Ends the session and, if it is open, informs the server. Resolves once the connection is closed. */
  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing'
      clearTimeout(this.#timer)
      const closed = new Error('the session was closed')
      this.#timer = setTimeout(() => this.end(closed), zookeeperCloseMs)
      this.#socket.write(encodeFrame(encodeInt(0), encodeInt(operations.close)))
    } else if (this.#state === 'opening') this.end(new Error('no longer wanted'))
    await this.ended
  }

  /** Ends the session at once, with a reason. */
  end(reason: Error): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    clearTimeout(this.#timer)
    this.#socket.destroy()
    this.#opening.reject(reason)
    for (const { fail } of this.#questions.splice(0)) fail(reason)
    this.#ending.resolve(reason)
  }
}

/** Encodes the connect request: nothing seen so far, no session to resume. */
function encodeOpening(timeoutMs: number): Buffer {
  const seen = Buffer.alloc(8)
  const session = Buffer.alloc(8)
  const password = encodeBytes(Buffer.alloc(16))
  const isReadOnly = encodeBoolean(false)
  const timeout = encodeInt(Math.round(timeoutMs))
  return encodeFrame(encodeInt(0), seen, timeout, session, password, isReadOnly)
}

function describeError(code: number): string {
  if (code === errors.noRight) return 'no permission to read it (error -102)'
  if (code === errors.expired) return 'the session has expired'
  if (code === errors.moved) return 'the session is with another server'
  return `ZooKeeper answered with error ${code}`
}

/**
 * Looks up all addresses of a host and shuffles them: one name may stand for several servers, some of them
 * down.
 */
const lookUpShuffled: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, found) => {
    done(error, shuffle(found ?? []))
  })
}

/** Shuffles a list, so that not all agents ask the same server first. */
export function shuffle<T>(items: readonly T[]): T[] {
  return items
    .map(item => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
