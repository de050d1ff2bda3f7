// Polls channels of Windows' event log and keeps the position of each.

import { setTimeout as sleep } from 'node:timers/promises'
import { parseRfc3339 } from '@skald/go-dialect'
import { WevtutilError } from '../errors.ts'
import { eventPageMax, eventReaderBackoff } from '../limits.ts'
import { backoffMs } from '../net/backoff.ts'
import { PendingPlaces } from './pending-places.ts'
import { cursorKey, type Source, type SourceContext } from './source.ts'
import type { Wevtutil } from './wevtutil.ts'
import { formatWindowsEvent, type LineOptions, parseWindowsEvent } from './windows-event.ts'
import { type ChannelQuery, formatBookmark, isSameChannel, placeOf } from './windows-query.ts'

/** What a job reads, and how its lines look. */
export interface WindowsReaderConfig {
  readonly queries: readonly ChannelQuery[]
  readonly usesIncomingTime: boolean
  readonly pollIntervalMs: number
  readonly lineOptions: LineOptions
  readonly labels: ReadonlyMap<string, string>
}

// Windows' ERROR_ACCESS_DENIED, which wevtutil then exits with.
const accessDenied = 5

/** How far a channel has been read. */
interface ChannelState {
  readonly query: ChannelQuery
  /** Number of the last record read; 0 if the channel's first record is next. */
  place: number | undefined
  /** True if the record with that number is known to exist. */
  isChecked: boolean
  /** Newest record at the time when everything that matches had been read. */
  readUpTo: number | undefined
  attempt: number
  retryAtMs: number
}

/** Reads the channels of a job, one after another. */
export class WindowsReader implements Source {
  readonly #config: WindowsReaderConfig
  readonly #context: SourceContext
  readonly #wevtutil: Wevtutil
  readonly #channels: readonly ChannelState[]
  /** Positions up to which everything is settled, by channel. */
  readonly #settled: Map<string, number>
  readonly #pending = new PendingPlaces<readonly [channel: string, recordId: number]>()
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>

  constructor(
    config: WindowsReaderConfig,
    context: SourceContext,
    {
      places,
      wevtutil,
    }: { readonly places: ReadonlyMap<string, number>; readonly wevtutil: Wevtutil },
  ) {
    this.#config = config
    this.#context = context
    this.#wevtutil = wevtutil
    this.#settled = new Map(
      config.queries.flatMap(({ channel }) => {
        const place = placeOf(places, channel)
        return place === undefined ? [] : [[channel, place]]
      }),
    )
    this.#channels = config.queries.map(query => ({
      ...{ query, place: this.#settled.get(query.channel), isChecked: false },
      ...{ readUpTo: undefined, attempt: 0, retryAtMs: 0 },
    }))
    context.inlet.flow.onProgress = () => this.#saveSettled()
    this.#done = this.#run()
  }

  get isReady(): boolean {
    return this.#channels.some(({ isChecked }) => isChecked)
  }

  get place(): string {
    return `Windows event log ${this.#channels.map(({ query }) => query.channel).join(', ')}`
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      for (const state of this.#channels) {
        if (signal.aborted) return
        if (this.#context.nowMs() >= state.retryAtMs) await this.#poll(state)
      }
      const untilMs = Math.min(...this.#channels.map(({ retryAtMs }) => retryAtMs || Infinity))
      const waitMs = Math.min(this.#config.pollIntervalMs, untilMs - this.#context.nowMs())
      await sleep(Math.max(0, waitMs), undefined, { signal }).catch(() => undefined)
    }
  }

  async #poll(state: ChannelState): Promise<void> {
    const { nowMs, logger } = this.#context
    const { channel } = state.query
    try {
      await this.#read(state)
      ;[state.attempt, state.retryAtMs] = [0, 0]
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      state.isChecked = false
      const waitMs = Math.round(
        backoffMs(eventReaderBackoff, state.attempt++, { random: Math.random }),
      )
      state.retryAtMs = nowMs() + waitMs
      const isDenied = error instanceof WevtutilError && error.exitCode === accessDenied
      const advice = isDenied
        ? ': the agent’s account may not read it. Make it a member of Event Log Readers'
        : ''
      const fields = { channel, error: (error as Error).message, waitMs }
      logger.warn(fields, `Cannot read the event log, will try again${advice}`)
    }
  }

  /** Reads the new events of a channel. */
  async #read(state: ChannelState): Promise<void> {
    const { channel } = state.query
    const newest = (await this.#wevtutil.recordAt('newest', channel)) ?? 0
    if (state.place === undefined) {
      // Like Promtail, skip what was there before the first start.
      state.place = newest
      state.readUpTo = newest
      this.#settled.set(channel, newest)
      this.#saveCursor()
    }
    await this.#checkPlace(state, newest)
    if (state.readUpTo === newest) return
    let before: number
    let count: number
    do {
      before = state.place
      count = await this.#readPage(state)
    } while (count >= eventPageMax && state.place > before && !this.#stopping.signal.aborted)
    if (!this.#stopping.signal.aborted) state.readUpTo = newest
  }

  /**
   * Restarts a channel at its first record if the log was cleared or has overwritten the last record read.
   */
  async #checkPlace(state: ChannelState, newest: number): Promise<void> {
    const { logger } = this.#context
    const { channel } = state.query
    const place = state.place ?? 0
    if (newest < place) {
      logger.warn(
        { channel, place, newest },
        'Event log was cleared: reading it from its first record',
      )
      state.place = 0
    } else if (place > 0 && !state.isChecked) {
      const oldest = (await this.#wevtutil.recordAt('oldest', channel)) ?? 0
      if (oldest > place) state.place = 0
      if (oldest > place + 1) {
        const fields = { channel, place, oldest }
        logger.warn(fields, 'Event log has overwritten unread events')
      }
    }
    if (state.place !== place) state.readUpTo = undefined
    state.isChecked = true
  }

  /** Reads a page. Returns the number of its events. */
  async #readPage(state: ChannelState): Promise<number> {
    const { inlet } = this.#context
    const { channel } = state.query
    await inlet.room()
    let count = 0
    const page = this.#wevtutil.page(state.query, state.place ?? 0)
    for await (const xml of page.events) {
      await inlet.room()
      if (this.#stopping.signal.aborted) return count
      count++
      this.#take(state, xml)
    }
    const last = page.lastRecordId()
    if (count > 0 && last !== undefined && last > (state.place ?? 0)) {
      state.place = last
      this.#pending.add(inlet.flow.sequence - 1, [channel, last])
      this.#saveSettled()
    }
    return count
  }

  #take(state: ChannelState, xml: string): void {
    const { inlet, laneMetrics: metrics, logger } = this.#context
    const { channel } = state.query
    const event = parseWindowsEvent(xml)
    const { flaw, recordId } = event
    if (flaw !== undefined) {
      metrics.windowsEventErrors.inc({ error: 'malformed' })
      const fields = { channel, recordId, error: flaw }
      logger.warn(fields, 'Event is malformed: sending the readable parts')
    }
    // Forwarded events keep the channel and number from their own computer.
    const isOwn = isSameChannel(event.channel, channel)
    if (recordId === undefined || (isOwn && recordId <= (state.place ?? 0))) return
    if (isOwn) {
      state.place = recordId
      this.#pending.add(inlet.flow.sequence, [channel, recordId])
    }
    const labels = new Map(this.#config.labels)
    if (event.channel) labels.set('channel', event.channel)
    if (event.computer) labels.set('computer', event.computer)
    const line = formatWindowsEvent(event, this.#config.lineOptions)
    const timestampNs = this.#config.usesIncomingTime ? parseRfc3339(event.timeCreated) : undefined
    const isSent = inlet.add({ labels, line, timestampNs })
    if (!isSent) metrics.windowsEventErrors.inc({ error: 'empty_labels' })
    this.#saveSettled()
  }

  /** Saves the positions up to which everything is settled. */
  #saveSettled(): void {
    const places = this.#pending.takeSettled(this.#context.inlet.flow)
    if (places.length === 0) return
    for (const [channel, recordId] of places) this.#settled.set(channel, recordId)
    this.#saveCursor()
  }

  #saveCursor(): void {
    this.#context.cursors.set(cursorKey(this.#context), formatBookmark(this.#settled))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wevtutil.stop()
    await this.#done
    this.#wevtutil.close()
  }

  async close(): Promise<void> {
    this.#saveSettled()
  }
}
