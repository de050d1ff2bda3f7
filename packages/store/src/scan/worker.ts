// The thread that scans blocks: reads and decompresses them and passes the columns to the query's
// scanner.

import { setPriority } from 'node:os'
import { type LeafScanner, openLeafScanner } from '@skald/query'
import { type LabelSet, parseLabelSet } from '@skald/wire'
import { ScratchArena } from '../buffers.ts'
import { RowDeleter } from '../deletes/row-deleter.ts'
import { LevelFields } from '../levels/line-level.ts'
import { DiskReader } from '../objects/disk.ts'
import { StoredBlock } from '../segment/stored-block.ts'
import { systemNowNs } from '../system-clock.ts'
import { threadErrorOf } from '../threads/thread-error.ts'
import { openThreadPort } from '../threads/thread-port.ts'
import { addCounts } from './add-counts.ts'
import { askFilters } from './ask-filters.ts'
import { skipDuplicates } from './duplicates.ts'
import type { BlockGroup, ScanAnswer, ScanRequest, ScanWorkerData } from './messages.ts'
import { CpuClock, ScanWork } from './scan-work.ts'

/**
 * Gives a scan a third of the main thread's share when both want the processor, and all of it
 * otherwise.
 */
const scanPriority = 5

interface OpenScan {
  readonly scanner: LeafScanner
  readonly labels: (LabelSet | undefined)[]
  readonly labelsTexts: readonly string[]
  readonly deleter: RowDeleter
  readonly cancelled: Int32Array
  readonly work: ScanWork
}

// Pushes come first. On Linux this sets the priority of this thread; elsewhere it would change the
// whole process.
if (process.platform === 'linux') setPriority(scanPriority)
const port = openThreadPort<ScanWorkerData, ScanRequest, ScanAnswer>()
const { directory, logLevelFields } = port.data
const levelFields = new LevelFields(logLevelFields)
const reader = new DiskReader(directory)
const scans = new Map<number, OpenScan>()
/** Memory for one group of blocks: a few compressed blocks, or two uncompressed ones. */
const arena = new ScratchArena(2 * 1024 * 1024)
const cpuClock = new CpuClock()
/** The scan of the last message. CPU since then is its own: a thread that waits needs none. */
let running: ScanWork | undefined

/** Returns whether later groups can still matter. */
function scanGroups(open: OpenScan, groups: readonly BlockGroup[]): boolean {
  for (const group of groups) {
    if (Atomics.load(open.cancelled, 0) === 1) return false
    let { minNs, maxNs } = group[0]!.record
    for (const { record } of group) {
      if (record.minNs < minNs) minNs = record.minNs
      if (record.maxNs > maxNs) maxNs = record.maxNs
    }
    if (!open.scanner.wants(minNs, maxNs)) return false
    arena.reset()
    const blocks = group.map(({ segment, labels, record }) => {
      open.labels[labels] ??= parseLabelSet(open.labelsTexts[labels]!)
      const place = { segment, record, labels: open.labels[labels] }
      const read = (offsetBytes: number, length: number) => {
        open.work.addRead(record, offsetBytes, length)
        return reader.read(segment, { offsetBytes, length }, arena.allocate)
      }
      return new StoredBlock(place, read, levelFields)
    })
    if (blocks.length > 1) skipDuplicates(blocks)
    for (const [i, { deletes }] of group.entries()) {
      if (deletes) open.deleter.mark(blocks[i]!, deletes)
    }
    for (const [i, block] of blocks.entries()) {
      // One group can hold many overlapping blocks, so check again.
      if (Atomics.load(open.cancelled, 0) === 1) return false
      const mayMatch = open.scanner.scan(block)
      if (!mayMatch && group[i]!.hasPassedFilter) open.work.addFalseHit()
      block.release()
    }
  }
  return true
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
      const counted = addCounts(request, systemNowNs, (segment, offsetBytes, length) =>
        reader.read(segment, { offsetBytes, length }, Buffer.allocUnsafe),
      )
      if (scans.size === 0) reader.close()
      return { kind: 'counted', scan, ...counted }
    }
    case 'open': {
      const { leaf, labelsTexts, deletes, cancelled } = request
      const scanner = openLeafScanner(leaf, systemNowNs)
      const deleter = new RowDeleter(deletes)
      const work = new ScanWork()
      scans.set(scan, { scanner, labels: [], labelsTexts, deleter, cancelled, work })
      return undefined
    }
    case 'scan': {
      const open = scans.get(scan)
      return open && { kind: 'scanned', scan, isWanted: scanGroups(open, request.groups) }
    }
    case 'finish': {
      const open = scans.get(scan)
      endScan(scan)
      if (!open) return undefined
      const result = open.scanner.finish()
      open.work.addCpu(cpuClock.lapMs())
      return { kind: 'found', scan, result: open.work.addTo(result) }
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
