// One websocket client of a tail: its waiting entries, its dropped entries and its frames. An entry
// is either sent or reported as dropped; if neither is possible, the client is disconnected.

import { hash } from 'node:crypto'
import type { WebSocket } from '@fastify/websocket'
import { formatDroppedEntry, formatTailFrame } from '@skald/query'
import {
  tailCloseGraceMs,
  tailDroppedMax,
  tailHistoryKnownMs,
  tailReasonBytesMax,
  tailSentKeptMax,
  tailSocketBytesMax,
} from '../limits.ts'
import { DelayQueue } from './delay-queue.ts'
import { type TailEntry, tailEntryBytes } from './messages.ts'
import { type FrameStyle, frameEnd, type TailBatch } from './tail-batch.ts'
import type { TailBudget } from './tail-budget.ts'
import type { TailReceiver } from './tail-hub.ts'

/** Close codes of the websocket protocol. */
const internalError = 1011
const goingAway = 1001
const policyViolation = 1008

export interface TailClientOptions extends FrameStyle {
  readonly socket: WebSocket
  readonly delayMs: number
  readonly budget: TailBudget
  readonly clock: { now(): number }
  /** Called for each entry that is dropped because the client is too slow. */
  readonly onDrop: () => void
}

/** Sends entries to a client as fast as it reads them. */
export class TailClient implements TailReceiver {
  readonly #options: TailClientOptions
  readonly #held: DelayQueue
  /** Entries to send, starting at `#readyFrom`. */
  #ready: TailEntry[] = []
  #readyFrom = 0
  #waitingBytes = 0
  #dropped: string[] = []
  /** Time → digests of the history's entries, because live entries may repeat them. */
  #known: Map<bigint, string[]> | undefined
  #knownUntilMs = 0
  #state: 'history' | 'live' | 'closed' = 'history'
  #timer: NodeJS.Timeout | undefined
  #lastSignMs: number

  constructor(options: TailClientOptions) {
    this.#options = options
    this.#held = new DelayQueue(options.delayMs)
    const { socket, clock } = options
    this.#lastSignMs = clock.now()
    socket.on('pong', () => {
      this.#lastSignMs = clock.now()
    })
    // Clients have nothing to say, but any message shows that they are alive.
    socket.on('message', () => {
      this.#lastSignMs = clock.now()
    })
    socket.once('close', () => this.#end())
  }

  /** Pings the client, or disconnects it if it has been silent since `silentSinceMs`. */
  checkAlive(silentSinceMs: number): void {
    if (this.#lastSignMs < silentSinceMs) this.#options.socket.terminate()
    else if (this.#state !== 'closed') this.#options.socket.ping()
  }

  /** Sends the history, ascending by time, then what arrived in the meantime, each entry once. */
  start(history: readonly TailEntry[]): void {
    if (this.#state !== 'history') return
    this.#known = new Map()
    this.#knownUntilMs = this.#options.clock.now() + tailHistoryKnownMs
    for (const entry of history) {
      const digests = this.#known.get(entry.timestampNs)
      if (digests) digests.push(digestOf(entry))
      else this.#known.set(entry.timestampNs, [digestOf(entry)])
      this.#ready.push(entry)
      // The client asked for the history, so it is sent however much else is waiting.
      this.#options.budget.force(tailEntryBytes(entry))
      this.#waitingBytes += tailEntryBytes(entry)
    }
    this.#state = 'live'
    this.#pump()
  }

  receive(batch: TailBatch): void {
    const { clock, budget } = this.#options
    const nowMs = clock.now()
    if (nowMs > this.#knownUntilMs && this.#state === 'live') this.#known = undefined
    if (this.#keepsUp(batch) && budget.take(batch.bytes, this.#waitingBytes)) {
      this.#waitingBytes += batch.bytes
      const frames = batch.frames(this.#options)
      for (const [i, frame] of frames.entries()) {
        this.#send(frame, i === frames.length - 1 ? batch.bytes : 0)
      }
      return
    }
    for (const entry of batch.entries) {
      if (this.#state === 'closed') return
      const bytes = tailEntryBytes(entry)
      if (entry.isLost || !budget.take(bytes, this.#waitingBytes)) {
        this.#drop(entry)
        continue
      }
      this.#waitingBytes += bytes
      this.#held.add(entry, nowMs)
    }
    this.#pump()
  }

  fail(reason: string): void {
    this.#close(internalError, reason)
  }

  /** Closes the connection because the client may not read any more. */
  refuse(reason: string): void {
    this.#close(policyViolation, reason)
  }

  /** Closes the connection because the store stops. */
  leave(reason: string): void {
    this.#close(goingAway, reason)
  }

  /** Returns true if the socket can take a whole batch at once. */
  #keepsUp({ entries, bytes, hasLost }: TailBatch): boolean {
    if (this.#state !== 'live' || this.#options.delayMs > 0 || hasLost || this.#hasFrame)
      return false
    if (this.#options.socket.bufferedAmount + bytes > tailSocketBytesMax) return false
    const known = this.#known
    return !known || !entries.some(({ timestampNs }) => known.has(timestampNs))
  }

  #uncount(bytes: number): void {
    if (this.#state === 'closed') return
    this.#options.budget.give(bytes)
    this.#waitingBytes -= bytes
  }

  #drop(entry: TailEntry): void {
    this.#options.onDrop()
    if (this.#dropped.length >= tailDroppedMax) {
      this.fail(`tail client too slow: more than ${tailDroppedMax} entries dropped`)
      return
    }
    this.#dropped.push(formatDroppedEntry(entry, this.#options.form))
  }

  /** Sends what is due as long as the socket accepts it. */
  #pump(): void {
    if (this.#state !== 'live') return
    const { socket, clock } = this.#options
    const nowMs = clock.now()
    for (const entry of this.#held.take(nowMs)) {
      if (this.#isKnown(entry)) this.#uncount(tailEntryBytes(entry))
      else this.#ready.push(entry)
    }
    while (socket.bufferedAmount < tailSocketBytesMax && this.#hasFrame) this.#sendFrame()
    clearTimeout(this.#timer)
    const { dueMs } = this.#held
    if (dueMs === undefined) return
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, dueMs - nowMs))
    this.#timer.unref()
  }

  get #hasFrame(): boolean {
    return this.#readyFrom < this.#ready.length || this.#dropped.length > 0
  }

  #sendFrame(): void {
    const from = this.#readyFrom
    const to = frameEnd(this.#ready, from)
    const entries = this.#ready.slice(from, to)
    const text = formatTailFrame(entries, this.#dropped, this.#options)
    this.#dropped = []
    this.#readyFrom = to
    if (to >= tailSentKeptMax || to === this.#ready.length) {
      this.#ready = this.#ready.slice(to)
      this.#readyFrom = 0
    }
    this.#send(
      text,
      entries.reduce((sum, entry) => sum + tailEntryBytes(entry), 0),
    )
  }

  /** Sends a frame. Its bytes stop counting once the system has accepted it. */
  #send(frame: string | Buffer, bytes: number): void {
    this.#options.socket.send(frame, { binary: false }, () => {
      this.#uncount(bytes)
      if (this.#hasFrame) this.#pump()
    })
  }

  #isKnown(entry: TailEntry): boolean {
    return this.#known?.get(entry.timestampNs)?.includes(digestOf(entry)) ?? false
  }

  #close(code: number, reason: string): void {
    if (this.#state === 'closed') return
    const { socket } = this.#options
    this.#end()
    socket.close(code, cutText(reason, tailReasonBytesMax))
    setTimeout(() => socket.terminate(), tailCloseGraceMs).unref()
  }

  #end(): void {
    if (this.#state === 'closed') return
    clearTimeout(this.#timer)
    this.#options.budget.give(this.#waitingBytes)
    this.#waitingBytes = 0
    this.#state = 'closed'
    this.#ready = []
    this.#readyFrom = 0
    this.#dropped = []
    this.#known = undefined
  }
}

function digestOf({ labels, value }: TailEntry): string {
  return hash('sha256', `${labels}${value}`, 'base64')
}

/** Cuts a text to this many bytes, between characters. */
function cutText(text: string, bytesMax: number): string {
  let cut = text.slice(0, bytesMax)
  while (Buffer.byteLength(cut) > bytesMax) cut = cut.slice(0, -1)
  return cut.toWellFormed()
}
