// A small store on disk with every kind of segment: fresh ones, and a compacted one whose lines are raw, zstd and
// split, with metadata, filters and counts.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseLabelSet } from '@skald/wire'
import { catalogPartsOf } from '../../src/catalog/catalog-parts.ts'
import type { DeleteRequest } from '../../src/catalog/delete-requests.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, midnightNs, openStorage, type Row, type StorageParts } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'
import { readSegment } from '../segment-rows.ts'

/** Words in an order that repeats only after a long time, so that zstd has something to do. */
const words = 'red green blue hot cold new old north south west fast slow high low'.split(' ')
const wordsAt = (i: number) =>
  Array.from({ length: 12 }, (_, k) => words[(i * (k + 3) + k * k) % words.length]).join(' ')

/** Rows a second apart. */
export function rows(count: number, line: (i: number) => string, from = 0): Row[] {
  return Array.from({ length: count }, (_, i) => [
    midnightNs + BigInt(from + i) * 1_000_000_000n,
    line(i),
  ])
}

const orders = (from: number) =>
  rows(1500, i => `GET /orders/${(from + i) * 7919} took ${i % 97}ms for client ${i % 13}`, from)

/** Lines that have no common form with numbers, in less than what is worth splitting. */
const notes = (from: number) => rows(120, i => wordsAt(from + i), from)

export interface SmallStore extends StorageParts {
  /** Name of the compacted segment. */
  readonly compacted: string
  /** Names of the fresh segments that are left. */
  readonly fresh: readonly string[]
  /** Replaces segments of tenant a by one, as the compactor does. Returns its name. */
  merge(inputs: readonly string[]): Promise<string>
}

/** A delete request that no segment knows. */
export const someDelete: DeleteRequest = {
  ...{ id: 'd1', tenant: 'a', query: '{app="shop"} |= "orders/7919 "', startMs: 0, endMs: 2e12 },
  ...{ createdMs: 1, state: 'received', sequence: 0 },
}

/** Makes the store. Its parts are open until the test ends. */
export async function makeSmallStore(
  t: Parameters<typeof openStorage>[0],
  options: { readonly dir?: string } = {},
): Promise<SmallStore> {
  const storage = await openStorage(t, options)
  const merge = async (inputs: readonly string[]) => {
    const name = segmentName(storage.nextSequence(), 1)
    const sequence = Math.max(...inputs.map(input => Number(input.slice(0, 16))))
    await mergeFiles(storage, inputs, { name, sequence })
    const { footer, bytes } = await readSegment(storage.segmentsDir, name)
    const { level, version, replaces } = footer
    const parts = catalogPartsOf(footer, parseLabelSet)
    const head = { name, level, sequence, version, createdMs: 1 }
    await storage.catalog.addSegments([{ ...head, sizeBytes: bytes.length, parts }], replaces)
    for (const input of inputs) await rm(join(storage.segmentsDir, input))
    await storage.catalog.forgetDropped(inputs)
    return name
  }
  for (const from of [0, 5000]) {
    const withTrace: Row[] = rows(40, i => `line ${i}`, from).map(([time, line], i) => [
      ...([time, line] as const),
      { trace_id: `trace${i % 7}`, pod: 'shop-0' },
    ])
    await storage.push(
      'a',
      acceptedStream({ app: 'shop' }, orders(from)),
      acceptedStream({ app: 'notes' }, notes(from)),
      acceptedStream({ app: 'traced' }, withTrace),
      acceptedStream(
        { app: 'tiny' },
        rows(1, () => 'x', from),
      ),
    )
  }
  const compacted = await merge([segmentName(1, 0), segmentName(2, 0)])
  await storage.push(
    'b',
    acceptedStream(
      { app: 'b' },
      rows(20, i => `b ${i}`),
    ),
  )
  await storage.push(
    'a',
    acceptedStream(
      { app: 'shop' },
      rows(5, i => `fresh ${i}`, 9000),
    ),
    acceptedStream({ app: 'late' }, [[midnightNs + 86_400_000_000_001n, 'the next day']]),
  )
  await storage.catalog.deleteRequests.add(someDelete)
  return { ...storage, compacted, fresh: [segmentName(4, 0), segmentName(5, 0)], merge }
}
