// The thread that scans blocks: reads and decompresses them and passes the columns to the query's
// scanner.

import { setPriority } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { type Direction, type LeafScanner, noMeter, openLeafScanner } from '@skald/query'
import { ascending, type LabelSet, parseLabelSet } from '@skald/wire'
import { ScratchArena } from '../buffers.ts'
import { RowDeleter } from '../deletes/row-deleter.ts'
import { LevelFields } from '../levels/line-level.ts'
import { type LeaseData, LeaseMeter } from '../memory/lease.ts'
import { DiskReader } from '../objects/disk.ts'
import { StoredBlock } from '../segment/stored-block.ts'
import { systemNowNs } from '../system-clock.ts'
import { threadErrorOf } from '../threads/thread-error.ts'
import { openThreadPort } from '../threads/thread-port.ts'
import { addCounts } from './add-counts.ts'
import { askFilters } from './ask-filters.ts'
import { skipDuplicates } from './duplicates.ts'
import {
  type BlockGroup,
  type ScanAnswer,
  type ScanRequest,
  type ScanWorkerData,
  spanOfGroup,
} from './messages.ts'
import { CpuClock, ScanWork } from './scan-work.ts'

/**
 * Gives a scan a third of the main thread's share when both want the processor, and all of it
 * otherwise.
 */
const scanPriority = 5

interface OpenScan {
  readonly scanner: LeafScanner
  /** Orders the blocks of a group, if those that come first may make the others unnecessary. */
  readonly orderOf: ((a: StoredBlock, b: StoredBlock) => number) | undefined
  readonly labels: (LabelSet | undefined)[]
  readonly labelsTexts: readonly string[]
  readonly deleter: RowDeleter
  readonly cancelled: Int32Array
  readonly work: ScanWork
  readonly meter: LeaseMeter | undefined
}

// Pushes come first. On Linux this sets the priority of this thread; elsewhere it would change the
// whole process.
if (process.platform === 'linux') setPriority(scanPriority)
const port = openThreadPort<ScanWorkerData, ScanRequest, ScanAnswer>()
const { directory, logLevelFields, ledger } = port.data
const levelFields = new LevelFields(logLevelFields)
const reader = new DiskReader(directory)
const scans = new Map<number, OpenScan>()
/** Memory for one group of blocks: a few compressed blocks, or two uncompressed ones. */
const arena = new ScratchArena(2 * 1024 * 1024)
const cpuClock = new CpuClock()
/** The scan of the last message. CPU since then is its own: a thread that waits needs none. */
let running: ScanWork | undefined

function meterOf(lease: LeaseData | undefined): LeaseMeter | undefined {
  return lease && ledger && new LeaseMeter(lease, ledger)
}

/** Scans groups of blocks, as long as later ones can still matter and queries have not taken too much memory. */
function scanGroups(open: OpenScan, groups: readonly BlockGroup[]) {
  let left = groups.length
  for (const group of groups) {
    const mayWant = scanGroup(open, group)
    left--
    if (!mayWant) return { mayWant, left: 0, isShort: false }
    if (open.meter?.isShort) return { mayWant, left, isShort: true }
  }
  return { mayWant: true, left, isShort: false }
}

/** Returns whether later groups can still matter. */
function scanGroup(open: OpenScan, group: BlockGroup): boolean {
  if (Atomics.load(open.cancelled, 0) === 1) return false
  const { minNs, maxNs } = spanOfGroup(group)
  if (!open.scanner.wants(minNs, maxNs)) return false
  arena.reset()
  // Of several blocks, each frees its lines when it was scanned.
  const allocateLines = group.length === 1 ? arena.allocate : undefined
  const blocks = group.map(({ segment, labels, record }) => {
    open.labels[labels] ??= parseLabelSet(open.labelsTexts[labels]!)
    const place = { segment, record, labels: open.labels[labels] }
    const read = (offsetBytes: number, length: number) => {
      open.work.addRead(record, offsetBytes, length)
      return reader.read(segment, { offsetBytes, length }, arena.allocate)
    }
    return new StoredBlock(place, read, levelFields, allocateLines)
  })
  // Of equal rows, the one that arrived first counts: this looks at blocks in order of arrival.
  if (blocks.length > 1) skipDuplicates(blocks)
  const refs = new Map(blocks.map((block, i) => [block, group[i]!]))
  for (const block of open.orderOf ? blocks.toSorted(open.orderOf) : blocks) {
    // One group can hold many overlapping blocks, so check again.
    if (Atomics.load(open.cancelled, 0) === 1) return false
    const { deletes, hasPassedFilter } = refs.get(block)!
    if (deletes && open.scanner.wants(block.minNs, block.maxNs)) {
      open.deleter.mark(block, deletes)
    }
    const mayMatch = open.scanner.scan(block)
    if (!mayMatch && hasPassedFilter) open.work.addFalseHit()
    block.release()
  }
  return true
}

/** Orders blocks by their last time, newest first, or by their first one, oldest first. */
function edgeFirst(direction: Direction): OpenScan['orderOf'] {
  return direction === 'backward'
    ? (a, b) => ascending(b.maxNs, a.maxNs)
    : (a, b) => ascending(a.minNs, b.minNs)
}

/** Closes all files once no scan is running. Deleted files free their space only when closed. */
function endScan(scan: number): void {
  scans.delete(scan)
  if (scans.size === 0) reader.close()
}

function answer(request: ScanRequest): ScanAnswer | undefined {
  const { scan } = request
  switch (request.kind) {
    case 'filter': {
      const { segments, keys } = request
      const answers = segments.map(({ segment, filters }) =>
        askFilters(filters, keys, (offsetBytes, length) =>
          reader.read(segment, { offsetBytes, length }, Buffer.allocUnsafe),
        ),
      )
      if (scans.size === 0) reader.close()
      return { kind: 'filtered', scan, answers }
    }
    case 'count': {
      const meter = meterOf(request.lease)
      const counted = addCounts(
        request,
        { clock: systemNowNs, meter: meter ?? noMeter },
        (segment, offsetBytes, length) =>
          reader.read(segment, { offsetBytes, length }, Buffer.allocUnsafe),
      )
      meter?.flush()
      if (scans.size === 0) reader.close()
      return { kind: 'counted', scan, ...counted }
    }
    case 'open': {
      const { leaf, labelsTexts, deletes, cancelled, seat, lease } = request
      const meter = meterOf(lease)
      const scanner = openLeafScanner(leaf, systemNowNs, { seat, meter: meter ?? noMeter })
      const orderOf = leaf.kind === 'logs' ? edgeFirst(leaf.direction) : undefined
      const deleter = new RowDeleter(deletes)
      const work = new ScanWork()
      const opened = { scanner, orderOf, labels: [], labelsTexts, deleter, cancelled, work, meter }
      scans.set(scan, opened)
      return undefined
    }
    case 'scan': {
      const open = scans.get(scan)
      if (!open) return undefined
      const { groups, next } = request
      const { mayWant, left, isShort } = scanGroups(open, groups)
      const isWanted = mayWant && (left > 0 || !next || open.scanner.wants(next.minNs, next.maxNs))
      return { kind: 'scanned', scan, isWanted, left, isShort }
    }
    case 'finish': {
      const open = scans.get(scan)
      endScan(scan)
      if (!open) return undefined
      open.meter?.flush()
      const result = open.scanner.finish()
      open.work.addCpu(cpuClock.lapMs())
      return { kind: 'found', scan, result: open.work.addTo(result) }
    }
    case 'weigh': {
      const { total_heap_size, malloced_memory, external_memory } = getHeapStatistics()
      return { kind: 'weighed', scan, bytes: total_heap_size + malloced_memory + external_memory }
    }
    case 'cancel':
      endScan(scan)
      return undefined
  }
}

port.onRequest(request => {
  const cpuMs = cpuClock.lapMs()
  running?.addCpu(cpuMs)
  try {
    const message = answer(request)
    running = scans.get(request.scan)?.work
    if (message) port.answer(message)
  } catch (error) {
    endScan(request.scan)
    port.answer({ kind: 'failed', scan: request.scan, error: threadErrorOf(error) })
  }
})
