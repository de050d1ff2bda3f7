// npm run compare: sends random queries to a Loki and to Skald with the same lines. Reduces each
// difference as far as possible and prints it; the last line counts them. README.md in this folder
// explains more.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Random } from '../bench/random.ts'
import { ask, difference, hasData } from './answers.ts'
import { createData } from './data.ts'
import { explain, type Witnesses } from './explained.ts'
import { type CompareQuery, createQuery } from './queries.ts'
import { reduceQuery } from './reduce.ts'
import { compareScripts } from './scripts.ts'
import { load, type PeerServer, startLoki, startSkald } from './servers.ts'

const usage = `npm run compare -- --loki PROGRAM [options]

  --loki PROGRAM     a Loki 3.7 to compare with
  --seed N           seed of lines and queries (1)
  --queries N        how many queries (20000)
  --connections N    queries at the same time (2)
  --most N           end after so many differences (50)
  --record FILE      write the queries with Loki's answers, gzipped, for the test
  --only TEXT        only queries with this text in them
  --no-shards        compare with a Loki that splits no query into shards

  --scripts          compare the query scripts instead of random queries; --only TEXT picks files
  --fill             with --scripts: write Loki's answer where a script has a line "  ?"
`

/** Longer answers are not recorded. They would make the file large and add little. */
const recordedLengthMax = 30_000

interface CompareOptions {
  readonly loki: string
  readonly seed: number
  readonly queries: number
  readonly connections: number
  readonly most: number
  readonly record: string | undefined
  readonly only: string | undefined
  readonly hasShards: boolean
  readonly hasScripts: boolean
  readonly isFilling: boolean
}

function readOptions(argv: readonly string[]): CompareOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      loki: { type: 'string' },
      seed: { type: 'string', default: '1' },
      queries: { type: 'string', default: '20000' },
      connections: { type: 'string', default: '2' },
      most: { type: 'string', default: '50' },
      record: { type: 'string' },
      only: { type: 'string' },
      'no-shards': { type: 'boolean', default: false },
      scripts: { type: 'boolean', default: false },
      fill: { type: 'boolean', default: false },
    },
  })
  if (values.loki === undefined)
    throw new TypeError('--loki is missing: give the path of a Loki program')
  return {
    loki: resolve(values.loki),
    seed: readCount('seed', values.seed),
    queries: readCount('queries', values.queries),
    connections: readCount('connections', values.connections),
    most: readCount('most', values.most),
    record: values.record,
    only: values.only,
    hasShards: !values['no-shards'],
    hasScripts: values.scripts,
    isFilling: values.fill,
  }
}

function readCount(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) {
    throw new TypeError(`--${name} must be a whole number above zero, not ${JSON.stringify(text)}`)
  }
  return value
}

/** Totals over all queries. */
interface Outcome {
  equal: number
  /** Equal answers with data. */
  withData: number
  /** Equal except for the text of an error. */
  otherText: number
  explained: number
  /** How often each explanation was needed. A difference can need two. */
  readonly names: Map<string, number>
  unexplained: number
}

async function compareAll(options: CompareOptions, witnesses: Witnesses): Promise<Outcome> {
  const { loki, skald } = witnesses
  const random = new Random(options.seed + 1)
  const outcome: Outcome = {
    equal: 0,
    withData: 0,
    otherText: 0,
    explained: 0,
    names: new Map(),
    unexplained: 0,
  }
  const recorded: { query: CompareQuery; wanted: unknown }[] = []
  const seen = new Set<string>()
  let left = options.queries
  const work = async () => {
    while (left > 0 && outcome.unexplained < options.most) {
      left--
      const query = createQuery(random)
      if (options.only !== undefined && !query.logql.includes(options.only)) continue
      const [wanted, got] = [await loki(query), await skald(query)]
      const differs = difference(wanted, got)
      if (!differs) {
        outcome.equal++
        if (hasData(wanted)) outcome.withData++
        if (wanted.error !== got.error) outcome.otherText++
        if (JSON.stringify(wanted).length <= recordedLengthMax) recorded.push({ query, wanted })
        continue
      }
      const names = await explain({ query, wanted, got }, witnesses)
      if (names) {
        outcome.explained++
        for (const name of names) outcome.names.set(name, (outcome.names.get(name) ?? 0) + 1)
        continue
      }
      outcome.unexplained++
      const small = await reduceQuery(query, async smaller => {
        const [first, second] = [await loki(smaller), await skald(smaller)]
        if (difference(first, second) === undefined) return false
        return (
          (await explain({ query: smaller, wanted: first, got: second }, witnesses)) === undefined
        )
      })
      if (seen.has(small.logql)) continue
      seen.add(small.logql)
      await tell(small, witnesses)
    }
  }
  await Promise.all(Array.from({ length: options.connections }, work))
  if (options.record) {
    const text = JSON.stringify({ seed: options.seed, answers: recorded })
    writeFileSync(options.record, gzipSync(text, { level: 9 }))
  }
  return outcome
}

async function tell(query: CompareQuery, { loki, skald }: Witnesses): Promise<void> {
  const [wanted, got] = [await loki(query), await skald(query)]
  const { logql, route, params, isCategorized } = query
  print(`DIFFERENT ${logql}`)
  print(`  ${route} ${new URLSearchParams(params)}${isCategorized ? ' categorize-labels' : ''}`)
  print(`  ${difference(wanted, got)}`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function main(): Promise<void> {
  let options: CompareOptions
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  const workDir = mkdtempSync(join(tmpdir(), 'skald-compare-'))
  try {
    const unexplained = options.hasScripts
      ? await runScripts(options, workDir)
      : await runQueries(options, workDir)
    if (unexplained > 0) process.exitCode = 1
  } finally {
    if (process.exitCode === undefined) rmSync(workDir, { recursive: true, force: true })
    else process.stderr.write(`the servers' logs are in ${workDir}\n${readTail(workDir)}`)
  }
}

async function runScripts(options: CompareOptions, workDir: string): Promise<number> {
  const { loki, only, isFilling } = options
  const counts = await compareScripts({ loki, workDir, only, isFilling, print })
  const { equal, explained, unexplained } = counts
  print(`scripts: ${equal} equal, ${explained} explained, ${unexplained} unexplained`)
  return unexplained
}

async function runQueries(options: CompareOptions, workDir: string): Promise<number> {
  const servers: PeerServer[] = []
  try {
    const data = createData(options.seed)
    const skald = await startSkald(workDir)
    servers.push(skald)
    const loki = await startLoki(options.loki, workDir, { hasShards: options.hasShards })
    servers.push(loki)
    const unshardedLoki = options.hasShards
      ? await startLoki(options.loki, workDir, { hasShards: false })
      : loki
    if (unshardedLoki !== loki) servers.push(unshardedLoki)
    for (const server of servers) await load(server, data)
    const askOf =
      ({ url }: PeerServer) =>
      (query: CompareQuery) =>
        ask(url, query)
    const { equal, withData, otherText, explained, names, unexplained } = await compareAll(
      options,
      {
        loki: askOf(loki),
        unshardedLoki: askOf(unshardedLoki),
        skald: askOf(skald),
      },
    )
    for (const [name, count] of names) print(`${count} x ${name} (docs/differences.md)`)
    print(`${withData} of the equal answers have data, ${otherText} are errors with another text`)
    print(
      `seed ${options.seed}: ${equal} equal, ${explained} explained, ${unexplained} unexplained`,
    )
    return unexplained
  } finally {
    for (const server of servers) await server.stop()
  }
}

function readTail(workDir: string): string {
  try {
    return readFileSync(join(workDir, 'skald/log'), 'utf8').slice(-2000)
  } catch {
    return ''
  }
}

await main()
