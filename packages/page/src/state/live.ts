// A live tail: takes what the store sends, and gives it to the screen once a frame. The socket is always read, so the
// store never has to drop the connection; what the screen cannot show any more leaves the list.

import { type Signal, signal } from '@preact/signals'
import type { StreamsData } from '../api/answers.ts'
import type { StoreClient } from '../api/store-client.ts'
import { liveRowsMax, liveWaitingMax, reconnectLeastMs, reconnectMostMs } from '../limits.ts'
import { type Row, rowsOf } from '../line/row.ts'

export type LiveState = 'connecting' | 'open' | 'waiting' | 'closed'

interface TailFrame {
  readonly streams?: StreamsData['result'] | null
  readonly dropped_entries?: readonly unknown[] | null
}

/** What a live view needs of its surroundings. */
export interface LiveParts {
  /** Calls back before the next frame is drawn. */
  readonly onFrame: (draw: () => void) => void
  /** Says whether the store still lets this user in. A socket that is refused does not say why. */
  readonly isAdmitted: () => Promise<boolean>
}

/** One live view. */
export class Live {
  /** Newest first. Replaced whenever it changes. */
  readonly rows: Signal<readonly Row[]> = signal([])
  readonly state: Signal<LiveState> = signal('connecting')
  readonly isPaused: Signal<boolean> = signal(false)
  /** Lines that came while it is paused. */
  readonly waiting: Signal<number> = signal(0)
  readonly received: Signal<number> = signal(0)
  /** Lines that the store left out, because this connection was too slow. */
  readonly dropped: Signal<number> = signal(0)
  readonly reason: Signal<string> = signal('')
  readonly #client: StoreClient
  readonly #query: string
  readonly #parts: LiveParts
  /** Came since the last draw, newest last. */
  #pending: Row[] = []
  #isDrawing = false
  #socket: WebSocket | undefined
  #retryMs = reconnectLeastMs
  #timer: ReturnType<typeof setTimeout> | undefined
  #received = 0

  constructor(client: StoreClient, query: string, parts: LiveParts) {
    this.#client = client
    this.#query = query
    this.#parts = parts
    this.#connect('100')
  }

  /** Lets lines wait, so that somebody can read. */
  pause(): void {
    this.isPaused.value = true
  }

  /** Shows what waited, and what comes. */
  resume(): void {
    this.isPaused.value = false
    this.#draw()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.state.value = 'closed'
    this.#socket?.close()
    this.#socket = undefined
  }

  #connect(limit: string | undefined): void {
    this.state.value = 'connecting'
    // Without limit and start, the store goes on where an interrupted tail was.
    const socket = this.#client.socket('loki/api/v1/tail', { query: this.#query, limit })
    this.#socket = socket
    socket.onopen = () => {
      this.state.value = 'open'
      this.reason.value = ''
    }
    socket.onmessage = ({ data }) => this.#take(String(data))
    socket.onclose = ({ reason }) => {
      if (this.#socket !== socket) return
      this.reason.value = reason
      this.#waitAndConnect()
    }
  }

  #waitAndConnect(): void {
    this.state.value = 'waiting'
    this.#timer = setTimeout(() => void this.#connectAgain(), this.#retryMs)
    this.#retryMs = Math.min(reconnectMostMs, this.#retryMs * 2)
  }

  async #connectAgain(): Promise<void> {
    const before = this.#socket
    const isAdmitted = await this.#parts.isAdmitted()
    if (this.#socket !== before) return
    if (isAdmitted) this.#connect(undefined)
    else this.stop()
  }

  #take(text: string): void {
    this.#retryMs = reconnectLeastMs
    const { streams, dropped_entries: dropped } = JSON.parse(text) as TailFrame
    if (dropped?.length) this.dropped.value += dropped.length
    const rows = rowsOf(streams ?? [], 'oldest')
    this.#received += rows.length
    for (const row of rows) this.#pending.push(row)
    if (this.#pending.length > liveWaitingMax * 2) {
      this.#pending = this.#pending.slice(-liveWaitingMax)
    }
    if (this.#isDrawing) return
    this.#isDrawing = true
    this.#parts.onFrame(() => this.#draw())
  }

  #draw(): void {
    this.#isDrawing = false
    this.received.value = this.#received
    if (this.isPaused.value) {
      this.waiting.value = this.#pending.length
      return
    }
    this.waiting.value = 0
    if (this.#pending.length === 0) return
    const fresh = this.#pending.reverse()
    this.#pending = []
    this.rows.value = [...fresh, ...this.rows.value].slice(0, liveRowsMax)
  }
}
