// Thread that runs live queries: reads each committed segment from the page cache and hands what passes
// back as JSON texts, so that neither pushes nor other clients wait for a tail's pipeline.

import { parentPort, workerData } from 'node:worker_threads'
import {
  type BlockView,
  compileMatchers,
  formatTailEntry,
  type TailForm,
  TailScanner,
} from '@skald/query'
import { type LabelSet, parseLabelSet } from '@skald/wire'
import { ScratchArena } from '../buffers.ts'
import { LevelFields } from '../ingest/line-level.ts'
import {
  tailAnswerBytes,
  tailAnswersMax,
  tailFoundBytesMax,
  tailRecentRowsMax,
  tailStreamsKnownMax,
} from '../limits.ts'
import { DiskReader } from '../objects/disk.ts'
import type { BlockRecord, SegmentPart } from '../segment/format.ts'
import { readFooter } from '../segment/reader.ts'
import { StoredBlock } from '../segment/stored-block.ts'
import {
  type TailAnswer,
  type TailEntry,
  type TailRequest,
  type TailWorkerData,
  tailEntryBytes,
} from './messages.ts'
import { RecentRows } from './recent-rows.ts'

interface Subscription {
  readonly id: number
  readonly tenant: string
  readonly form: TailForm
  readonly scanner: TailScanner
  readonly matches: (labels: LabelSet) => boolean
}

/** A stream of a tenant, and who wants it. */
interface KnownStream {
  readonly labels: LabelSet
  readonly subscriptions: readonly Subscription[]
}

type Commit = Extract<TailRequest, { kind: 'commit' }>

const { directory, logLevelFields } = workerData as TailWorkerData
const levelFields = new LevelFields(logLevelFields)
const reader = new DiskReader(directory)
const subscriptions = new Map<number, Subscription>()
const recent = new RecentRows(tailRecentRowsMax)
const arena = new ScratchArena(2 * 1024 * 1024)
let streams = new Map<string, KnownStream>()

const port = parentPort!
const answer = (message: TailAnswer) => port.postMessage(message)

/** What the commit at hand has brought, until it is handed over. */
const found = new Map<Subscription, TailEntry[]>()
let foundBytes = 0

/** Answers that the main thread has not taken in yet. */
let waitingAnswers = 0
let onTaken: (() => void) | undefined

port.on('message', (request: TailRequest) => {
  if (request.kind === 'taken') {
    waitingAnswers--
    onTaken?.()
    return
  }
  queue.push(request)
  void work()
})

/** Requests in order of arrival; a subscription sees no commit from before it was opened. */
const queue: Exclude<TailRequest, { kind: 'taken' }>[] = []
let isWorking = false

async function work(): Promise<void> {
  if (isWorking) return
  isWorking = true
  for (let request = queue.shift(); request; request = queue.shift()) {
    switch (request.kind) {
      case 'open': {
        const { subscription: id, query } = request
        const scanner = new TailScanner(query.logql)
        const matches = compileMatchers(scanner.matchers)
        subscriptions.set(id, { id, tenant: query.tenant, form: query.form, scanner, matches })
        streams = new Map()
        break
      }
      case 'close':
        subscriptions.delete(request.subscription)
        streams = new Map()
        break
      case 'commit':
        await scanCommit(request)
        break
    }
  }
  isWorking = false
}

async function scanCommit(commit: Commit): Promise<void> {
  const { segment, sizeBytes } = commit
  try {
    const read = async (offsetBytes: number, length: number) =>
      reader.read(segment, { offsetBytes, length })
    const footer = await readFooter(segment, sizeBytes, read)
    for (const part of footer.parts) {
      for (const record of part.blocks) {
        if (foundBytes >= tailFoundBytesMax) await handAll(commit.number)
        scanBlock({ part, record, commit })
      }
    }
    await handAll(commit.number)
    reader.close()
    answer({ kind: 'done', segment })
  } catch (error) {
    reader.close()
    answer({ kind: 'done', segment, error: (error as Error).message })
  }
}

/** Runs the queries that want a block's stream. */
function scanBlock(place: { part: SegmentPart; record: BlockRecord; commit: Commit }): void {
  const { part, record, commit } = place
  const text = part.streams[record.stream]!
  const stream = knownStream(part.tenant, text)
  if (stream.subscriptions.length === 0) return
  arena.reset()
  const { segment } = commit
  const readBytes = (offsetBytes: number, length: number) =>
    reader.read(segment, { offsetBytes, length }, arena.allocate)
  const block = new StoredBlock({ segment, record, labels: stream.labels }, readBytes, levelFields)
  if (!commit.isLate) block.skip = recent.skipKnown(`${part.tenant}\0${text}`, block)
  for (const subscription of stream.subscriptions) {
    const entries = commit.isLate
      ? [lostBlock(block, subscription)]
      : entriesOf(block, subscription)
    const known = found.get(subscription)
    if (!known) found.set(subscription, entries)
    else for (const entry of entries) known.push(entry)
    for (const entry of entries) foundBytes += tailEntryBytes(entry)
  }
}

function entriesOf(block: BlockView, { scanner, form }: Subscription): TailEntry[] {
  return scanner.scan(block).map(entry => ({ ...formatTailEntry(entry, form), isLost: false }))
}

/** Stands for all entries of a block. */
function lostBlock({ minNs, labels }: BlockView, { form }: Subscription): TailEntry {
  const entry = {
    timestampNs: minNs,
    line: '',
    labels: { stream: labels, metadata: [], parsed: [] },
  }
  return { ...formatTailEntry(entry, form), isLost: true }
}

function knownStream(tenant: string, text: string): KnownStream {
  const key = `${tenant}\0${text}`
  let stream = streams.get(key)
  if (!stream) {
    const labels = parseLabelSet(text)
    const wanting = [...subscriptions.values()].filter(
      subscription => subscription.tenant === tenant && subscription.matches(labels),
    )
    if (streams.size >= tailStreamsKnownMax) streams = new Map()
    stream = { labels, subscriptions: wanting }
    streams.set(key, stream)
  }
  return stream
}

async function handAll(commit: number): Promise<void> {
  const all = [...found]
  found.clear()
  foundBytes = 0
  for (const [{ id }, entries] of all) await hand(id, entries, commit)
}

/** Hands entries over in pieces, and waits while the main thread has many of them before it. */
async function hand(subscription: number, entries: TailEntry[], commit: number): Promise<void> {
  entries.sort(byTime)
  for (let from = 0; from < entries.length; ) {
    let to = from
    for (let bytes = 0; to < entries.length && bytes < tailAnswerBytes; to++) {
      bytes += tailEntryBytes(entries[to]!)
    }
    while (waitingAnswers >= tailAnswersMax) {
      await new Promise<void>(resolve => {
        onTaken = resolve
      })
    }
    waitingAnswers++
    answer({ kind: 'entries', subscription, commit, entries: entries.slice(from, to) })
    from = to
  }
}

function byTime(a: TailEntry, b: TailEntry): number {
  return a.timestampNs < b.timestampNs ? -1 : a.timestampNs > b.timestampNs ? 1 : 0
}
