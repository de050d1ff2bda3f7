// Entries and bytes by group and bucket, as found by a volume leaf so far.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import { LimitExceededError } from '../errors.ts'
import { volumeCellCountMax } from '../limits.ts'
import { labelsBytes, type MemoryMeter, noMeter, objectBytes } from '../memory-meter.ts'
import type { FoundVolumes } from '../plan/leaf-result.ts'
import type { VolumeGrouping, VolumeLeaf } from '../plan/log-source.ts'

/** Bytes that Loki counts for a pair of structured metadata, whatever its length. */
const pairBytes = 8

/** Returns the size of rows with this many bytes of lines and pairs of structured metadata. */
export function volumeBytes(lineBytes: number, metadataPairs: number): number {
  return lineBytes + pairBytes * metadataPairs
}

/** Adds up volumes. */
export class VolumeTable {
  readonly #leaf: VolumeLeaf
  readonly #meter: MemoryMeter
  readonly #groups: LabelSet[] = []
  readonly #indexes = new Map<string, number>()
  #cells = new Float64Array(0)

  /** @param meter Counts what the table keeps. */
  constructor(leaf: VolumeLeaf, meter: MemoryMeter = noMeter) {
    this.#leaf = leaf
    this.#meter = meter
  }

  /** Returns the groups that a stream counts toward; none if it has none of the labels. */
  groupsOf(labels: LabelSet): number[] {
    return groupLabels(labels, this.#leaf.grouping).map(group => this.#indexOf(group))
  }

  /** Adds rows to one bucket. */
  add(groups: readonly number[], bucket: number, rows: { entries: number; bytes: number }): void {
    const { count } = this.#leaf.grid
    for (const group of groups) {
      const at = 2 * (group * count + bucket)
      this.#cells[at]! += rows.entries
      this.#cells[at + 1]! += rows.bytes
    }
  }

  /** Adds another table's results. */
  merge({ groups, cells }: FoundVolumes): void {
    const size = 2 * this.#leaf.grid.count
    for (const [i, labels] of groups.entries()) {
      const to = this.#indexOf(labels) * size
      addCells(this.#cells.subarray(to, to + size), cells.subarray(i * size, (i + 1) * size))
    }
  }

  found(): FoundVolumes {
    const { count } = this.#leaf.grid
    return { groups: this.#groups, cells: this.#cells.slice(0, 2 * this.#groups.length * count) }
  }

  #indexOf(labels: LabelSet): number {
    const key = formatLabelSet(labels)
    const known = this.#indexes.get(key)
    if (known !== undefined) return known
    const index = this.#groups.length
    const { maxSeries, grid } = this.#leaf
    if (index >= maxSeries) {
      throw new LimitExceededError(
        'volume_max_series',
        `the query hit the max number of series limit (limit: ${maxSeries} series)`,
      )
    }
    if ((index + 1) * grid.count > volumeCellCountMax) {
      throw new LimitExceededError(
        'volume_cells',
        `the query would keep more than ${volumeCellCountMax} volumes in memory; ` +
          'consider a larger step or fewer labels',
      )
    }
    this.#meter.takeResult(labelsBytes(labels) + 16 * grid.count)
    this.#meter.takeOwn(objectBytes + key.length)
    this.#groups.push(labels)
    this.#indexes.set(key, index)
    const needed = 2 * (index + 1) * grid.count
    if (needed > this.#cells.length) {
      const grown = new Float64Array(Math.min(2 * needed, 2 * volumeCellCountMax))
      grown.set(this.#cells)
      this.#cells = grown
    }
    return index
  }
}

function addCells(to: Float64Array, from: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i]! += from[i]!
}

function groupLabels(labels: LabelSet, { by, names }: VolumeGrouping): LabelSet[] {
  const kept = names ? labels.filter(({ name }) => names.includes(name)) : labels
  if (by === 'values') return [kept]
  return kept.map(({ name }) => [{ name, value: '' }])
}
