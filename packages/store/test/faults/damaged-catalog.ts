// Starts on a damaged catalog, and checks what the store still knows.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSelector } from '@skald/query'
import { checkCatalog } from '../../src/catalog-check.ts'
import { SegmentIndex } from '../../src/segment-index.ts'
import { openStorage } from '../../src/storage.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  midnightNs,
  type StorageParts,
} from '../harness.ts'

/** What a start on a damaged catalog leads to. */
export interface CatalogOutcome {
  /** Whether the log names the damage. */
  readonly isNamed: boolean
  readonly problems: readonly string[]
}

/** Fills a store with some streams, and returns the files of its catalog after a clean stop. */
export async function fillCatalog(storage: StorageParts, shiftNs = 0n): Promise<void> {
  for (let i = 0; i < 4; i++) {
    const rows = [[midnightNs + shiftNs + BigInt(i), `line ${i}`]] as const
    await storage.push('a', acceptedStream({ app: `app${i}`, common: 'yes' }, rows))
  }
  await storage.catalog.close()
  await storage.objects.close()
}

/** Starts on a copy of a store whose catalog has other bytes, or is gone. */
export async function startOnCatalog(
  dir: string,
  copy: string,
  bytes?: Buffer,
): Promise<CatalogOutcome> {
  rmSync(copy, { recursive: true, force: true })
  cpSync(dir, copy, { recursive: true })
  rmSync(join(copy, 'catalog.sqlite'))
  if (bytes) writeFileSync(join(copy, 'catalog.sqlite'), bytes)
  const { logger, messages } = createTestLogger()
  const opened: { close(): Promise<void> }[] = []
  const own = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part)
    return part
  }
  const problems: string[] = []
  try {
    const { catalog, local, objects } = await openStorage({ dataDir: copy, logger, own })
    await checkCatalog({ catalog: local!, objects, logger, pauseMs: 0 })
    const segments = new SegmentIndex(objects, catalog, logger)
    const range = { startNs: midnightNs, endNs: midnightNs + dayNs }
    const found = await catalog.findSegments('a', range)
    for (const { name, sizeBytes } of found) await segments.footer(name, sizeBytes)
    if (found.length !== 4) problems.push(`${found.length} of 4 segments are found`)
    const streams = [
      ...(await catalog.findStreams('a', parseSelector('{common="yes"}'), range)).keys(),
    ]
    const wanted = Array.from({ length: 4 }, (_, i) => `{app="app${i}", common="yes"}`)
    if (streams.sort().join() !== wanted.join()) problems.push(`streams ${streams.join()}`)
  } catch (error) {
    problems.push((error as Error).message)
  }
  for (const part of opened.toReversed()) await part.close()
  return { isNamed: messages().some(text => text.startsWith('the catalog is damaged')), problems }
}

export function readCatalog(dir: string): Buffer {
  return readFileSync(join(dir, 'catalog.sqlite'))
}
