// The thread that runs live queries: reads each committed segment from the page cache and returns
// the matching entries as JSON, so that neither pushes nor other clients wait for a tail's
// pipeline.

import { type BlockView, formatTailEntry, type TailForm, TailScanner } from '@skald/query'
import { type LabelSet, parseLabelSet } from '@skald/wire'
import { compileMatchers } from '@skald/wire/compile-matcher'
import { ScratchArena } from '../buffers.ts'
import { LevelFields } from '../levels/line-level.ts'
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
import { systemNowNs } from '../system-clock.ts'
import { openThreadPort } from '../threads/thread-port.ts'
import {
  type SegmentError,
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

/** A stream of a tenant, and the subscriptions that want it. */
interface KnownStream {
  /** Identifies the tenant and the stream. */
  readonly key: string
  readonly labels: LabelSet
  readonly subscriptions: readonly Subscription[]
}

type Commit = Extract<TailRequest, { kind: 'commit' }>
type Replay = Extract<TailRequest, { kind: 'replay' }>

const port = openThreadPort<TailWorkerData, TailRequest, TailAnswer>()
const { answer } = port
const { directory, logLevelFields } = port.data
const levelFields = new LevelFields(logLevelFields)
const reader = new DiskReader(directory)
const subscriptions = new Map<number, Subscription>()
const recent = new RecentRows(tailRecentRowsMax)
const arena = new ScratchArena(2 * 1024 * 1024)
/** The last block. Its entries are texts of their own. */
let opened: StoredBlock | undefined
let streams = new Map<string, KnownStream>()

/** Entries found in the current commit and not yet sent. */
const found = new Map<Subscription, TailEntry[]>()
let foundBytes = 0

/** Answers that the main thread has not handled yet. */
let waitingAnswers = 0
let onTaken: (() => void) | undefined

port.onRequest(request => {
  if (request.kind === 'taken') {
    waitingAnswers--
    onTaken?.()
    return
  }
  queue.push(request)
  void work()
})

/** Requests in order of arrival. A subscription never sees commits from before it was opened. */
const queue: Exclude<TailRequest, { kind: 'taken' }>[] = []
let isWorking = false

async function work(): Promise<void> {
  if (isWorking) return
  isWorking = true
  for (let request = queue.shift(); request; request = queue.shift()) {
    switch (request.kind) {
      case 'open': {
        const { subscription: id, query } = request
        const scanner = new TailScanner(query.log, systemNowNs)
        const matches = compileMatchers(query.log.matchers)
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
      case 'replay':
        await replay(request)
        break
    }
  }
  isWorking = false
}

async function scanCommit(commit: Commit): Promise<void> {
  const { segment, number } = commit
  const handAll = async (isEnd: boolean) => {
    const all = [...found]
    found.clear()
    foundBytes = 0
    for (const [i, [{ id: subscription }, entries]] of all.entries()) {
      await hand(entries, (part, isLast) => {
        const served = isEnd && isLast && i === all.length - 1 ? segment : undefined
        answer({ kind: 'entries', subscription, commit: number, entries: part, served })
      })
    }
  }
  const error = await readBlocks(commit, async place => {
    // A hundred queries may want each line, so look at what was found after each of them.
    for (const entries of scanBlock(place, commit)) {
      for (const entry of entries) foundBytes += tailEntryBytes(entry)
      if (foundBytes >= tailFoundBytesMax) await handAll(false)
    }
  })
  await handAll(true)
  answer({ kind: 'done', segment, error })
}

/** Sends the entries of commits to one receiver of a subscription, each once. */
async function replay({ subscription: id, replay, commits }: Replay): Promise<void> {
  const subscription = subscriptions.get(id)
  const seen = new RecentRows(tailRecentRowsMax)
  const errors: SegmentError[] = []
  let entries: TailEntry[] = []
  const handEntries = async () => {
    await hand(entries, part => {
      answer({ kind: 'missed', subscription: id, replay, entries: part })
    })
    entries = []
  }
  for (const commit of subscription ? commits : []) {
    let bytes = 0
    const error = await readBlocks(commit, async place => {
      const { key, labels, subscriptions: wanting } = streamOf(place)
      if (!wanting.includes(subscription!)) return
      const block = openBlock(place, labels)
      block.skip = seen.skipKnown(key, block)
      // Remember them, so that no client sees them again if they are pushed once more.
      recent.skipKnown(key, block)
      if (commit.isSent) return
      for (const entry of entriesOf(block, subscription!)) {
        entries.push(entry)
        bytes += tailEntryBytes(entry)
      }
      if (bytes < tailFoundBytesMax) return
      await handEntries()
      bytes = 0
    })
    await handEntries()
    if (error !== undefined) errors.push({ segment: commit.segment, error })
  }
  answer({ kind: 'replayed', replay, errors })
}

/** A block of a segment. */
interface Place {
  readonly segment: string
  readonly part: SegmentPart
  readonly record: BlockRecord
}

/** Visits the blocks of a segment. Returns the error message if that fails. */
async function readBlocks(
  { segment, sizeBytes }: { readonly segment: string; readonly sizeBytes: number },
  visit: (place: Place) => Promise<void>,
): Promise<string | undefined> {
  try {
    const read = async (offsetBytes: number, length: number) =>
      reader.read(segment, { offsetBytes, length })
    const footer = await readFooter(segment, sizeBytes, read)
    for (const part of footer.parts) {
      for (const record of part.blocks) await visit({ segment, part, record })
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    reader.close()
  }
}

/** Opens a block. This frees the previous one and overwrites its memory. */
function openBlock({ segment, record }: Place, labels: LabelSet): StoredBlock {
  opened?.release()
  arena.reset()
  const readBytes = (offsetBytes: number, length: number) =>
    reader.read(segment, { offsetBytes, length }, arena.allocate)
  opened = new StoredBlock({ segment, record, labels }, readBytes, levelFields)
  return opened
}

/** Runs all queries that want the block's stream, one by one. Yields what each found. */
function* scanBlock(place: Place, { isLate }: Commit): Generator<readonly TailEntry[]> {
  const { key, labels, subscriptions: wanting } = streamOf(place)
  if (wanting.length === 0) return
  const block = openBlock(place, labels)
  if (!isLate) block.skip = recent.skipKnown(key, block)
  for (const subscription of wanting) {
    const entries = isLate ? [lostBlock(block, subscription)] : entriesOf(block, subscription)
    const known = found.get(subscription)
    if (!known) found.set(subscription, entries)
    else for (const entry of entries) known.push(entry)
    yield entries
  }
}

function entriesOf(block: BlockView, { scanner, form }: Subscription): TailEntry[] {
  return scanner.scan(block).map(entry => ({ ...formatTailEntry(entry, form), isLost: false }))
}

/** Returns an entry that stands for all entries of a block. */
function lostBlock({ minNs, labels }: BlockView, { form }: Subscription): TailEntry {
  const entry = {
    timestampNs: minNs,
    line: '',
    labels: { stream: labels, metadata: [], parsed: [] },
  }
  return { ...formatTailEntry(entry, form), isLost: true }
}

function streamOf({ part: { tenant, streams: texts }, record }: Place): KnownStream {
  const text = texts[record.stream]!
  const key = `${tenant}\0${text}`
  let stream = streams.get(key)
  if (!stream) {
    const labels = parseLabelSet(text)
    const wanting = [...subscriptions.values()].filter(
      subscription => subscription.tenant === tenant && subscription.matches(labels),
    )
    if (streams.size >= tailStreamsKnownMax) streams = new Map()
    stream = { key, labels, subscriptions: wanting }
    streams.set(key, stream)
  }
  return stream
}

/** Sends entries in pieces, and waits while the main thread has many unhandled ones. */
async function hand(
  entries: TailEntry[],
  handPart: (part: readonly TailEntry[], isLast: boolean) => void,
): Promise<void> {
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
    handPart(entries.slice(from, to), to === entries.length)
    from = to
  }
}

function byTime(a: TailEntry, b: TailEntry): number {
  return a.timestampNs < b.timestampNs ? -1 : a.timestampNs > b.timestampNs ? 1 : 0
}
