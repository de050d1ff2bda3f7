// Queries over blocks with filters have the answers of queries over the same lines without filters,
// for every operator that filters help. One tenant's lines stay at level 0, which has no filters;
// the other tenant's are merged.

import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultQueryLimits, type QueryResult, runQuery } from '@skald/query'
import { parseLabelSet } from '@skald/wire'
import { type Test, test } from 'tap'
import { catalogPartsOf } from '../../src/catalog/catalog-parts.ts'
import { createLogSource } from '../../src/scan/log-source.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { SharedRuns } from '../../src/scan/shared-runs.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, dayNs, midnightNs, openStorage, type Row } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'
import { createRandom, randomLine, type TestRandom } from '../segment/filter/random-lines.ts'

const plain = 'plain'
const merged = 'merged'

/** Opens a store whose tenants `plain` and `merged` have the same lines, in `streamCount` streams. */
async function open(t: Test, rowsOf: (stream: number) => readonly Row[], streamCount: number) {
  const storage = await openStorage(t)
  const { catalog, segments, segmentsDir } = storage
  const streams = Array.from({ length: streamCount }, (_, i) =>
    acceptedStream(
      { app: `app-${i % 5}`, pod: `pod-${i}`, ...(i % 7 === 0 && { id: `id-${i}` }) },
      rowsOf(i),
    ),
  )
  await storage.push(plain, ...streams)
  await storage.push(merged, ...streams)
  const parts = await catalog.listParts('level0')
  const inputs = parts.filter(({ tenant }) => tenant === merged).map(({ name }) => name)
  const name = segmentName(storage.nextSequence(), 1)
  const { footer, sizeBytes } = await mergeFiles(storage, inputs, { name, tenant: merged })
  const entered = catalogPartsOf(footer, parseLabelSet)
  const { level, sequence, version } = footer
  await catalog.addSegments(
    [{ name, level, sequence, version, sizeBytes, createdMs: 1, parts: entered }],
    inputs,
  )
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: ['level'] }, 1)
  t.teardown(() => pool.close())
  const damages: string[] = []
  const ask = (tenant: string, logql: string): Promise<QueryResult> => {
    const source = createLogSource(tenant, {
      ...{ catalog, segments, pool, runs: new SharedRuns() },
      onDamage: (segment, thing, damage) => damages.push(`${segment}: ${thing}: ${damage}`),
    })
    const request = {
      ...{ logql, startNs: midnightNs, endNs: midnightNs + dayNs, stepNs: dayNs, intervalNs: 0n },
      ...{ limit: 5000, direction: 'forward' as const, isInstant: false },
      limits: defaultQueryLimits,
    }
    return runQuery(request, source, new AbortController().signal)
  }
  return { ...storage, footer, name, ask, damages }
}

/** What clients see of a result, and how many blocks were left out. */
function seen(result: QueryResult | Error) {
  // Lines that a parser cannot read end a metric query, and any of them may come first.
  if (result instanceof Error) return { rest: result.name, skipped: 0 }
  if (result.kind === 'streams') {
    const entries = result.entries.map(({ timestampNs, line, labels }) => [
      timestampNs,
      line,
      labels,
    ])
    return { entries, skipped: result.stats.blocksSkipped }
  }
  const { stats, ...rest } = result
  return { rest, skipped: stats.blocksSkipped }
}

/** Returns whether each block has one outcome in each scan of a query. */
function addsUp(result: QueryResult | Error, blockCount: number): boolean {
  if (result instanceof Error) return true
  const { stats } = result
  const known =
    stats.blocksOutOfRange +
    stats.blocksOfOtherStreams +
    stats.blocksDeleted +
    stats.blocksFiltered +
    stats.blocksCounted +
    stats.blocksFromCounts +
    stats.blocksBeyondLimit +
    stats.blocksScanned
  const passed = stats.filtersAsked - stats.blocksFiltered
  return known === blockCount * stats.leaves && stats.filterFalseHits <= passed
}

const quoted = (text: string) => JSON.stringify(text)

/** Makes a query of a text, which may or may not be in some line. */
type MakeQuery = (needle: string, random: TestRandom) => string

const escapeRegex = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
const selector = '{app=~".+"}'
const operators: Readonly<Record<string, MakeQuery>> = {
  contains: needle => `${selector} |= ${quoted(needle)}`,
  either: (needle, random) =>
    `${selector} |= ${quoted(needle)} or ${quoted(random.hex(8))} or "never there at all"`,
  chain: needle => `${selector} |= ${quoted(needle.slice(0, 9))} |= ${quoted(needle)} != "zzzz"`,
  regex: needle => `${selector} |~ ${quoted(escapeRegex(needle))}`,
  'regex with alternatives': needle =>
    `${selector} |~ ${quoted(`(${escapeRegex(needle)}|never (there|here) at all)x?`)}`,
  'regex without case': needle => `${selector} |~ ${quoted(`(?i)${escapeRegex(needle)}`)}`,
  pattern: needle => `${selector} |> ${quoted(`<_>${needle.replaceAll(/[<>]/g, '')}<_>`)}`,
  json: needle => `${selector} | json | trace_id=${quoted(needle)}`,
  'json, or': needle => `${selector} | json | trace_id=${quoted(needle)} or msg=${quoted(needle)}`,
  logfmt: needle => `${selector} | logfmt | id=${quoted(needle)}`,
  regexp: needle => `${selector} | regexp "id=(?P<found>[0-9a-f]+)" | found=${quoted(needle)}`,
  unpack: needle => `${selector} | unpack | trace_id=${quoted(needle)}`,
  metadata: needle => `${selector} | request=${quoted(needle)}`,
  'metadata or label': needle => `${selector} | id=${quoted(needle)} or request=${quoted(needle)}`,
  'metadata with the name of a label': needle => `${selector} | id_extracted=${quoted(needle)}`,
  'metadata, list': (_, random) => `${selector} | span=~"span-${random.below(25)}|q-never"`,
  'metadata, list that begins alike': (_, random) =>
    `${selector} | span=~"span-${random.below(25)}|span-2"`,
  'json, list': (needle, random) =>
    `${selector} | json | trace_id=~${quoted(`(${escapeRegex(needle)}|${random.hex(16)})`)}`,
  'json, list that begins alike': needle =>
    `${selector} | json | trace_id=~${quoted(`${escapeRegex(needle)}|${escapeRegex(needle)}x`)}`,
  'regexp, regex': needle =>
    `${selector} | regexp "id=(?P<found>[0-9a-f]+)" | found=~${quoted(`.*${escapeRegex(needle)}.*`)}`,
  level: (_, random) => `${selector} | detected_level=${quoted(random.pick(['error', 'debug']))}`,
  'after a changed line': needle =>
    `${selector} | line_format "{{.app}} {{__line__}}" |= ${quoted(needle)}`,
  'after decolorize': needle => `${selector} | decolorize |= ${quoted(needle)}`,
  count: needle => `sum by (pod) (count_over_time(${selector} |= ${quoted(needle)} [1d]))`,
  'count of a field': needle =>
    `sum by (app) (count_over_time(${selector} | json | trace_id=${quoted(needle)} [1d]))`,
}

test('every operator has the same answers with filters as without', async t => {
  const random = createRandom(2026)
  const rows: Row[][] = Array.from({ length: 40 }, (_, stream) =>
    Array.from({ length: 10 }, (_row, i): Row => {
      const line = randomLine(random).toString('utf8')
      const metadata = {
        request: random.hex(6),
        ...(i % 2 === 0 && { id: `id-${random.below(60)}` }),
        ...(stream % 3 === 0 && { span: `span-${random.below(20)}` }),
      }
      return [midnightNs + BigInt(stream * 100 + i), line, i % 2 === 0 ? metadata : undefined!]
    }),
  )
  const { ask, footer } = await open(t, stream => rows[stream]!, rows.length)
  t.equal(footer.version, 2)
  t.equal(footer.parts[0]!.blocks.length, rows.length)
  t.equal(footer.parts[0]!.filters.length, 1)

  const values = rows.flat().flatMap(([, line]) => fieldOf(line))
  const needleFrom = (): string => {
    const [, line, metadata] = random.pick(random.pick(rows))
    const from = random.below(line.length + 1)
    return random.pick([
      random.hex(8),
      random.pick(['connection', 'timeout', 'Panic', 'größe', '']),
      metadata?.request ?? random.hex(6),
      metadata?.id ?? `id-${7 * random.below(9)}`,
      random.pick(values),
      random.pick(values),
      line.slice(from, from + 1 + random.below(50)),
    ])
  }
  for (const [name, make] of Object.entries(operators)) {
    let differences = 0
    let found = 0
    let skipped = 0
    for (let n = 0; n < 30; n++) {
      const query = make(needleFrom().toWellFormed(), random)
      const [without, withFilters] = await Promise.all(
        [plain, merged].map(tenant => ask(tenant, query).catch((error: Error) => error)),
      )
      const [expected, actual] = [seen(without!), seen(withFilters!)]
      if (!addsUp(withFilters!, rows.length)) t.fail(`${query}: some blocks have no outcome`)
      skipped += actual.skipped - expected.skipped
      found += JSON.stringify(expected, textOfBigint).length > 60 ? 1 : 0
      const isSame =
        JSON.stringify({ ...actual, skipped: 0 }, textOfBigint) ===
        JSON.stringify({ ...expected, skipped: 0 }, textOfBigint)
      if (!isSame && differences++ === 0) t.fail(`${query} has another answer with filters`)
    }
    t.equal(differences, 0, name)
    t.ok(found > 0, `${name}: some queries find something`)
    const isHelped = !['after a changed line', 'after decolorize'].includes(name)
    t.equal(skipped > 0, isHelped, `${name}: filters leave out blocks (${skipped})`)
  }
})

/** Returns the value of a field that the tests look for, with its escapes resolved. */
function fieldOf(line: string): readonly string[] {
  if (!line.startsWith('{')) return line.match(/(?<=\bid=)\w+/) ?? []
  return [(JSON.parse(line) as { trace_id: string }).trace_id]
}

const textOfBigint = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? String(value) : value

test('a damaged filter costs time, never an answer', async t => {
  const rows = (stream: number): Row[] => [
    [midnightNs + BigInt(stream), `needle-${stream}-in-the-haystack`],
  ]
  const { ask, footer, name, segmentsDir, damages } = await open(t, rows, 8)
  const [record] = footer.parts[0]!.filters
  const query = '{app=~".+"} |= "needle-3-in-the-haystack"'
  const before = await ask(merged, query)
  t.equal(before.stats.blocksSkipped, 7)
  const file = await openFile(join(segmentsDir, name), 'r+')
  await file.write(Buffer.from([0xff]), 0, 1, record!.offsetBytes + record!.headBytes + 3)
  await file.close()
  const after = await ask(merged, query)
  t.same({ ...seen(after), skipped: 0 }, { ...seen(before), skipped: 0 })
  t.equal(after.stats.blocksSkipped, 0)
  t.equal(damages.length, 1)
  t.match(damages[0], /filter page 0 is damaged/)
})
