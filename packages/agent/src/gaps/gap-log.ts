// The gaps of one client: sums up what is lost in each stream, and pushes a marker for it into that stream.
// What is not yet accepted is kept in the positions file. It is written there together with the positions
// that passed the lost lines, and before a marker leaves, so a marker that is sent again after a crash is
// the same entry.

import { nsPerSecond } from '@skald/go-dialect'
import { parseLabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import { gapPeriodMs, gapReasonCharactersMax, gapsOnTheirWayMax, gapWaitMs } from '../limits.ts'
import { LabelState } from '../line/label-state.ts'
import { LineOrigin } from '../line/line-origin.ts'
import type { LineSink } from '../line/line-sink.ts'
import { type Gap, type GapAmount, type GapKind, gapMetadata, gapText } from './gap.ts'

/** Where the gaps are kept across restarts. */
export interface GapPlace {
  /** Removes the value of a key and returns it. */
  takeCursor(key: string): string | undefined
  setCursor(key: string, value: string): void
  /** Has the value of a key read at each save. `undefined` ends that. */
  serveCursor(key: string, read: (() => string) | undefined): void
  /** Forgets the file with this record: its loss counts now. */
  giveUp(id: string): void
  /** Saves everything now. */
  save(): void
  saveSoon(): void
}

/** Takes what is lost. */
export interface GapSink {
  /** Takes lost lines. With `isShared` they count for the tenant's common marker. */
  note(gap: NotedGap, options?: { readonly isShared: boolean }): void
  /** Takes a marker that the server did not accept. */
  markerRefused(timeNs: bigint, kind: GapKind): void
}

/** Lost lines as they are noted. Absent fields are empty. */
export type NotedGap = Pick<Gap, 'tenant' | 'labelsText' | 'kind'> &
  Partial<Pick<Gap, 'file' | 'reason'>> &
  Partial<GapAmount>

interface PendingGap extends Gap {
  dueMs: number
  /** Set while a file may still be found: the id of its record. */
  readonly awaited?: string
}

interface SentGap {
  readonly key: string
  readonly gap: Gap
  readonly timeNs: string
  /** True if it is sent without metadata and reason, because the server refused it with them. */
  readonly isPlain: boolean
}

/** A tenant and the labels of its shared markers. */
type SharedLabels = readonly [tenant: string, labels: readonly (readonly [string, string])[]]

/** What the positions file keeps. */
interface SavedGaps {
  readonly sent: readonly SentGap[]
  readonly pending: readonly PendingGap[]
  readonly common?: readonly SharedLabels[]
}

const tenantLabel = '__tenant_id__'
/** Marker for streams that have no label in common. */
const labelsOfNone = '{job="skald-agent"}'

/** The gaps of one client. */
export class GapLog implements GapSink {
  readonly #cursorKey: string
  readonly #place: GapPlace
  readonly #sink: LineSink
  readonly #allocateNs: () => bigint
  readonly #nowMs: () => number
  readonly #logger: Logger
  readonly #onMarker: (kind: GapKind) => void
  readonly #origin: LineOrigin
  readonly #pending = new Map<string, PendingGap>()
  /** By the offset of the marker in its origin. */
  readonly #sent = new Map<number, SentGap>()
  /** When the last marker of a key was sent. */
  readonly #recent = new Map<string, number>()
  /** Tenant → the labels that all streams of its shared markers have. */
  readonly #common = new Map<string, ReadonlyMap<string, string>>()
  #offset = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: {
    /** Name of the client. Empty if there is only one. */
    readonly lane: string
    readonly place: GapPlace
    readonly sink: LineSink
    /** Returns a time for a marker. Never returns the same time twice. */
    readonly allocateNs: () => bigint
    readonly nowMs: () => number
    readonly logger: Logger
    /** Called for each marker when it is first sent. */
    readonly onMarker: (kind: GapKind) => void
  }) {
    const { lane } = options
    this.#cursorKey = lane === '' ? 'cursor-skald-gaps' : `cursor-skald-gaps-${lane}`
    this.#place = options.place
    this.#sink = options.sink
    this.#allocateNs = options.allocateNs
    this.#nowMs = options.nowMs
    this.#logger = options.logger
    this.#onMarker = options.onMarker
    this.#origin = new LineOrigin({
      name: 'skald gaps',
      readTime: () => options.allocateNs(),
      isOfAgent: true,
    })
    this.#origin.onProgress = () => this.#settle()
    this.#place.serveCursor(this.#cursorKey, () => this.#state())
  }

  /** Sends again what an earlier run did not get accepted. Call it once the sink takes lines. */
  start(): void {
    const saved = this.#place.takeCursor(this.#cursorKey)
    if (saved === undefined || saved === '') return
    try {
      const { sent, pending, common = [] } = JSON.parse(saved) as SavedGaps
      for (const [tenant, labels] of common) this.#common.set(tenant, new Map(labels))
      for (const gap of pending) this.#pending.set(keyOf(gap), gap)
      for (const marker of sent) this.#push(this.#register(marker))
    } catch (error) {
      this.#logger.error(
        { error: (error as Error).message },
        'Gaps of the last run are unreadable in the positions file: their markers are not sent',
      )
    }
    this.#arm()
  }

  note(noted: NotedGap, options = { isShared: false }): void {
    if (this.#isClosed) return
    const { bytes = 0, lines = 0, file = '' } = noted
    const reason = (noted.reason ?? '').slice(0, gapReasonCharactersMax)
    const full = { ...noted, bytes, lines, file, reason }
    const isOwn = !options.isShared && this.#hasRoom(keyOf(full))
    this.#add(isOwn ? full : this.#shared(full), this.#nowMs() + gapWaitMs)
  }

  /** Returns true if a stream may have a marker for itself. */
  #hasRoom(key: string): boolean {
    if (this.#recent.size + this.#pending.size < gapsOnTheirWayMax) return true
    return this.#pending.has(key) || this.#recent.has(key)
  }

  /**
   * Notes a file that disappeared together with its directory, which may come back with it. It counts as
   * lost after `waitMs`, unless `found` is called before.
   */
  await(id: string, noted: NotedGap, waitMs: number): void {
    if (this.#isClosed || this.#pending.size >= gapsOnTheirWayMax) return
    const gap = { bytes: 0, lines: 0, file: '', reason: '', ...noted }
    const known = this.#pending.get(id)
    this.#pending.set(id, { ...gap, awaited: id, dueMs: known?.dueMs ?? this.#nowMs() + waitMs })
    this.#arm()
  }

  /** A file is there after all. */
  found(id: string): void {
    this.#pending.delete(id)
  }

  /** Counts a gap for the marker of all streams of its tenant that have no separate marker. */
  #shared(gap: Gap): Gap {
    const { tenant } = gap
    const labels = new Map(parseLabelSet(gap.labelsText).map(({ name, value }) => [name, value]))
    const before = this.#common.get(tenant)
    // It only shrinks, so there are few of these streams.
    const common = before
      ? new Map([...before].filter(([name, value]) => labels.get(name) === value))
      : labels
    if (this.#common.size >= gapsOnTheirWayMax) this.#common.clear()
    if (labels.size > 0) this.#common.set(tenant, common)
    return { ...gap, labelsText: '', file: '' }
  }

  #add(gap: Gap, readyMs: number): void {
    const key = keyOf(gap)
    const before = this.#pending.get(key)
    if (before) {
      const sum = { bytes: before.bytes + gap.bytes, lines: before.lines + gap.lines }
      this.#pending.set(key, { ...before, ...sum, reason: before.reason || gap.reason })
    } else {
      const dueMs = Math.max(readyMs, (this.#recent.get(key) ?? 0) + gapPeriodMs)
      this.#pending.set(key, { ...gap, dueMs })
      this.#place.saveSoon()
    }
    this.#arm()
  }

  #arm(): void {
    if (this.#isClosed || this.#timer) return
    let dueMs = Number.POSITIVE_INFINITY
    const onTheirWay = this.#keysOnTheirWay()
    for (const [key, gap] of this.#pending) {
      if (!onTheirWay.has(key)) dueMs = Math.min(dueMs, gap.dueMs)
    }
    if (dueMs === Number.POSITIVE_INFINITY) return
    // Those that are due soon go with the first one.
    const waitMs = Math.min(Math.max(dueMs - this.#nowMs(), gapWaitMs / 4), gapPeriodMs)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#sendWhere(gap => gap.dueMs <= this.#nowMs())
      this.#arm()
    }, waitMs)
  }

  /** Sends the markers of these gaps, except where one for the same stream is still on its way. */
  #sendWhere(isWanted: (gap: PendingGap) => boolean): void {
    const nowMs = this.#nowMs()
    for (const [key, sentMs] of this.#recent) {
      if (nowMs - sentMs >= gapPeriodMs) this.#recent.delete(key)
    }
    const onTheirWay = this.#keysOnTheirWay()
    const offsets: number[] = []
    for (const [key, pending] of this.#pending) {
      if (!isWanted(pending) || onTheirWay.has(key)) continue
      this.#pending.delete(key)
      this.#recent.set(key, nowMs)
      const { dueMs: _due, awaited, ...gap } = pending
      if (awaited !== undefined) this.#place.giveUp(awaited)
      const labelsText = gap.labelsText || this.#commonText(gap.tenant)
      const timeNs = String(this.#allocateNs())
      offsets.push(this.#register({ key, gap: { ...gap, labelsText }, timeNs, isPlain: false }))
      this.#onMarker(gap.kind)
    }
    if (offsets.length === 0) return
    // A marker that leaves must be the same after a crash.
    this.#place.save()
    for (const offset of offsets) this.#push(offset)
  }

  #keysOnTheirWay(): Set<string> {
    return new Set([...this.#sent.values()].map(({ key }) => key))
  }

  #register(marker: SentGap): number {
    const offset = this.#offset++
    this.#sent.set(offset, marker)
    return offset
  }

  #commonText(tenant: string): string {
    const common = this.#common.get(tenant)
    return common && common.size > 0 ? new LabelState(common).text : labelsOfNone
  }

  #push(offset: number): void {
    const { gap, timeNs, isPlain } = this.#sent.get(offset)!
    const labels = new Map(parseLabelSet(gap.labelsText).map(({ name, value }) => [name, value]))
    if (gap.tenant !== '') labels.set(tenantLabel, gap.tenant)
    // The answer of the server may have made it too long.
    const bytes = Buffer.from(gapText(isPlain ? { ...gap, reason: '' } : gap))
    this.#sink.add({
      labels: new LabelState(labels),
      ...{
        seconds: Number(BigInt(timeNs) / nsPerSecond),
        nanos: Number(BigInt(timeNs) % nsPerSecond),
      },
      ...{ bytes, start: 0, end: bytes.length },
      ...{ origin: this.#origin, startOffset: offset, earlier: undefined },
      metadata: isPlain ? undefined : gapMetadata(gap),
    })
  }

  /** Forgets the markers that were accepted. */
  #settle(): void {
    const settled = this.#origin.settledOffset(this.#offset)
    for (const offset of this.#sent.keys()) if (offset < settled) this.#sent.delete(offset)
    this.#place.saveSoon()
    this.#arm()
  }

  markerRefused(timeNs: bigint, kind: GapKind): void {
    for (const [offset, marker] of this.#sent) {
      if (marker.timeNs !== String(timeNs)) continue
      this.#sent.delete(offset)
      // Accepted later: it counts in the next marker.
      if (kind !== 'refused') this.#add(marker.gap, this.#nowMs() + gapPeriodMs)
      // Some servers accept no structured metadata, or only short lines.
      else if (!marker.isPlain) this.#push(this.#register({ ...marker, isPlain: true }))
      return
    }
  }

  #state(): string {
    if (this.#sent.size + this.#pending.size === 0) return ''
    const pending = [...this.#pending.values()]
    const shared = new Set(pending.filter(isShared).map(({ tenant }) => tenant))
    const common = [...this.#common]
      .filter(([tenant]) => shared.has(tenant))
      .map(([tenant, labels]): SharedLabels => [tenant, [...labels]])
    const saved: SavedGaps = { sent: [...this.#sent.values()], pending, common }
    return JSON.stringify(saved)
  }

  /** Sends what is due or not, because the agent stops. */
  flush(): void {
    this.#sendWhere(({ awaited }) => awaited === undefined)
  }

  /** Ends it. What was not accepted is kept for the next start. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    const state = this.#state()
    this.#place.serveCursor(this.#cursorKey, undefined)
    if (state !== '') this.#place.setCursor(this.#cursorKey, state)
  }
}

/** Returns the stream with these labels, one of which may name its tenant. */
export function gapStream(state: LabelState): Pick<Gap, 'tenant' | 'labelsText'> {
  const tenant = state.get(tenantLabel) ?? ''
  return { tenant, labelsText: state.without(tenantLabel).text }
}

function isShared({ labelsText }: Gap): boolean {
  return labelsText === ''
}

function keyOf(gap: Gap & { readonly awaited?: string }): string {
  const { tenant, labelsText, kind, file, awaited } = gap
  return awaited ?? [tenant, labelsText, kind, file].join('\u0000')
}
