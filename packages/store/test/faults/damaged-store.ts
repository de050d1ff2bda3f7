// A small store whose segments a test damages, and the questions that it asks it afterwards: no answer
// may have a wrong line, and an answer without some lines has a warning.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultQueryLimits, type QueryRequest, runQuery } from '@skald/query'
import { Compactor } from '../../src/compaction/compactor.ts'
import { createLogSource } from '../../src/scan/log-source.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { SharedRuns } from '../../src/scan/shared-runs.ts'
import { SegmentIndex } from '../../src/segment-index.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  midnightNs,
  openStorage,
  type Row,
  type StorageParts,
  type TestScope,
} from '../harness.ts'
import { segmentNames } from '../segment-rows.ts'

/** Lines of the segment that is damaged, and of the other one. */
const victimLines = Array.from({ length: 6 }, (_, i) => `victim ${i} needle${i % 2}`)
/** Lines of another store, as long as the victim's. */
const foreignLines = victimLines.map(line => line.replace('victim', 'thieve'))
const otherLines = Array.from({ length: 6 }, (_, i) => `other ${i} needle${i % 2}`)

/** What the store answered. */
export interface DamageAnswer {
  readonly lines: readonly string[]
  readonly count: number
  readonly found: readonly string[]
  readonly warnings: readonly string[]
  /** The segments reported for the log and the metrics. */
  readonly reported: readonly string[]
}

/** Opens a store with two segments: of level 0, or merged. */
export async function openDamagedStore(
  t: TestScope,
  { isMerged, shiftNs = 0n }: { readonly isMerged: boolean; readonly shiftNs?: bigint },
) {
  const pushLines = (app: string, lines: readonly string[]) =>
    storage.push('a', ...streamsOf(app, lines, midnightNs + 1_000_000_000n + shiftNs))
  const storage = await openStorage(t)
  const pool = new ScanPool({ directory: storage.segmentsDir, logLevelFields: ['level'] }, 1)
  t.teardown(() => pool.close())
  await pushLines('x', shiftNs === 0n ? victimLines : foreignLines)
  if (isMerged) await merge(storage)
  const before = await segmentNames(storage.segmentsDir)
  await pushLines('y', otherLines)
  const names = await segmentNames(storage.segmentsDir)
  const victim = before[0]!
  const other = names.find(name => name !== victim)!
  const path = join(storage.segmentsDir, victim)
  const whole = readFileSync(path)
  return {
    ...{ storage, victim, other, path, whole },
    all: [...otherLines, ...victimLines],
    ask: () => ask(storage, pool),
    write: (bytes: Buffer) => writeFileSync(path, bytes),
    repair: () => writeFileSync(path, whole),
    swap: () => {
      const otherPath = join(storage.segmentsDir, other)
      copyFileSync(otherPath, path)
      writeFileSync(otherPath, whole)
    },
  }
}

export type DamagedStore = Awaited<ReturnType<typeof openDamagedStore>>

/** Builds two streams, so that a segment has two blocks. */
function streamsOf(app: string, lines: readonly string[], startNs: bigint) {
  return [0, 1].map(part =>
    acceptedStream(
      { app, part: `${part}` },
      lines.flatMap((line, i): Row[] =>
        i % 2 === part ? [[startNs + BigInt(i) * 1_000_000_000n, line]] : [],
      ),
    ),
  )
}

async function merge(storage: StorageParts): Promise<void> {
  const { catalog, segments, nextSequence, segmentsDir } = storage
  const compactor = new Compactor({
    ...{ catalog, segments, nextSequence, logger: createTestLogger().logger },
    clock: { now: () => Date.now() },
    worker: { directory: segmentsDir, logLevelFields: ['level'] },
  })
  await compactor.flush()
  await compactor.close()
}

/** Asks with an empty cache of footers. */
async function ask({ catalog, objects }: StorageParts, pool: ScanPool): Promise<DamageAnswer> {
  const reported: string[] = []
  const source = createLogSource('a', {
    ...{ catalog, pool, runs: new SharedRuns() },
    segments: new SegmentIndex(objects, catalog, createTestLogger().logger),
    onDamage: segment => reported.push(segment),
  })
  const warnings: string[] = []
  const run = async (logql: string, isInstant: boolean) => {
    const endNs = midnightNs + dayNs
    const startNs = isInstant ? endNs : midnightNs
    const request: QueryRequest = {
      ...{ logql, startNs, endNs, stepNs: 0n, intervalNs: 0n, limit: 100 },
      ...{ direction: 'forward', isInstant, limits: defaultQueryLimits },
    }
    const result = await runQuery(request, source, new AbortController().signal)
    warnings.push(...result.warnings)
    return result
  }
  const linesOf = async (logql: string) => {
    const result = await run(logql, false)
    return result.kind === 'streams' ? result.entries.map(({ line }) => line).sort() : []
  }
  const lines = await linesOf('{app=~".+"}')
  const found = await linesOf('{app=~".+"} |= "needle1"')
  const counted = await run('sum(count_over_time({app=~".+"}[1d]))', true)
  const count = counted.kind === 'vector' ? (counted.samples[0]?.value ?? 0) : 0
  return { lines, count, found, warnings: [...new Set(warnings)], reported }
}

/** Returns what is wrong with an answer. */
export function answerProblems(
  { lines, count, found, warnings, reported }: DamageAnswer,
  { all, victim }: Pick<DamagedStore, 'all' | 'victim'>,
): string[] {
  const problems: string[] = []
  const isNamed = warnings.some(text => text.includes(victim))
  for (const line of lines) if (!all.includes(line)) problems.push(`a wrong line: ${line}`)
  if (new Set(lines).size < lines.length) problems.push('a line is there twice')
  for (const line of otherLines) if (!lines.includes(line)) problems.push(`${line} is not served`)
  const needles = all.filter(line => line.includes('needle1'))
  for (const line of found) if (!needles.includes(line)) problems.push(`wrong result: ${line}`)
  if (count > all.length) problems.push(`${count} lines are counted`)
  const isWhole = lines.length === all.length && found.length === needles.length
  if ((!isWhole || count < all.length) && !isNamed) problems.push('lines are missing in silence')
  if (isNamed && !reported.includes(victim)) problems.push('the log does not name the segment')
  return problems
}
