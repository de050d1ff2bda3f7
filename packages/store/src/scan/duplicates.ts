// Finds rows that stand in more than one block of a stream: an agent that had no answer sends a batch
// again. The row that came first counts.

import { minBigint } from '@skald/wire'
import { digestFrom, digestLine } from '../segment/line-digest.ts'
import type { StoredBlock } from '../segment/stored-block.ts'
import { sharedTimes } from './shared-times.ts'

/** Sets `skip` of the blocks so that each (time, line) counts once. Blocks are in order of arrival. */
export function skipDuplicates(blocks: readonly StoredBlock[]): void {
  const baseNs = blocks.map(({ minNs }) => minNs).reduce(minBigint)
  const starts = blocks.map(({ minNs }) => Number(minNs - baseNs))
  const shared = sharedTimes(
    blocks.map((block, i) => ({ times: block.timestamps(), from: starts[i]! })),
  )
  if (shared.length === 0) return
  const seen = new Map<number, Moment>()
  for (const [index, block] of blocks.entries()) {
    const times = block.timestamps()
    let next = 0
    for (let row = 0; row < times.length; row++) {
      const time = times[row]! + starts[index]!
      while (next < shared.length && shared[next]! < time) next++
      if (next === shared.length) break
      if (shared[next] !== time) continue
      const moment = seen.get(time)
      if (!moment) seen.set(time, { rows: [index, row], digests: undefined })
      else if (isKnown(blocks, moment, block, row)) {
        block.skip ??= new Uint8Array(block.rowCount)
        block.skip[row] = 1
      } else moment.rows.push(index, row)
    }
  }
}

/** Different rows of one time. */
interface Moment {
  /** Pairs of block and row. */
  readonly rows: number[]
  /** Digests of their lines, once they are many. */
  digests: Set<string> | undefined
}

function isKnown(
  blocks: readonly StoredBlock[],
  moment: Moment,
  block: StoredBlock,
  row: number,
): boolean {
  const { rows } = moment
  if (rows.length >= 2 * digestFrom) return isDigestKnown(blocks, moment, digestOf(block, row))
  const length = block.lineLengths()[row]!
  for (let i = 0; i < rows.length; i += 2) {
    const other = blocks[rows[i]!]!
    const otherRow = rows[i + 1]!
    // Within a block nothing stands twice.
    if (other === block || other.lineLengths()[otherRow] !== length) continue
    const lines = block.lines()
    const otherLines = other.lines()
    const start = lines.offsets[row]!
    const otherStart = otherLines.offsets[otherRow]!
    const order = lines.bytes.compare(
      otherLines.bytes,
      otherStart,
      otherStart + length,
      start,
      start + length,
    )
    if (order === 0) return true
  }
  return false
}

/** Remembers the digest as well. */
function isDigestKnown(blocks: readonly StoredBlock[], moment: Moment, digest: string): boolean {
  if (!moment.digests) {
    moment.digests = new Set()
    for (let i = 0; i < moment.rows.length; i += 2) {
      moment.digests.add(digestOf(blocks[moment.rows[i]!]!, moment.rows[i + 1]!))
    }
  }
  const isKnownDigest = moment.digests.has(digest)
  moment.digests.add(digest)
  return isKnownDigest
}

function digestOf(block: StoredBlock, row: number): string {
  const { bytes, offsets } = block.lines()
  return digestLine(bytes, offsets[row]!, block.lineLengths()[row]!)
}
