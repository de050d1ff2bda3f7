// Measures one contender from an empty directory to the last question, or from the data that an
// earlier run kept.

import { join } from 'node:path'
import { ask, type Spread, spread } from '../ask.ts'
import { type ColdOutcome, measureCold } from '../cold.ts'
import { readCpuSeconds, readPeakRssBytes } from '../cpu.ts'
import type { WorkloadSummary } from '../generator.ts'
import { type IngestResult, runIngest } from '../ingest.ts'
import { readPushed, refuseHalf, writePushed } from '../kept.ts'
import type { Load } from '../load.ts'
import type { NoiseMeter } from '../noise.ts'
import { HttpClient, type StoreServer } from '../server.ts'
import type { Contender, ContenderName } from './contenders.ts'
import { type Figures, sumOf } from './figures.ts'
import { listQuestions, listTracedQuestions, type Question } from './questions.ts'

/** Cost of one question for one contender. */
export interface QuestionCost {
  readonly name: string
  readonly cpuMs: Spread
  readonly wallMs: Spread
}

/** Everything measured of one contender. */
export interface ContenderResult {
  readonly name: ContenderName
  readonly version: string
  /** Cost of storing the main load. `diskBytes` is what it keeps for good. */
  readonly ingest: IngestResult
  /** Absent if an earlier run has pushed. */
  readonly ingestPeakBytes: number | undefined
  /** After all questions about the main load. */
  readonly queryPeakBytes: number
  readonly costs: readonly QuestionCost[]
  readonly readyMs: number
  readonly readyCpuMs: number
  readonly cold: ColdOutcome
  /** Name of a question → what went wrong. */
  readonly problems: Readonly<Record<string, string>>
}

/** A contender's figures, and its answers to compare with the others'. */
export interface Measured {
  readonly result: ContenderResult
  readonly answers: ReadonlyMap<string, Figures>
}

/** What all contenders get. */
export interface CompareSettings {
  readonly load: Load
  readonly tracedLoad: Load
  readonly workDir: string
  readonly keepDir: string | undefined
  readonly connectionCount: number
  readonly repetitions: number
  readonly noise: NoiseMeter
  readonly note: (text: string) => void
}

/** Time in which every line must be found after the last push. */
const countTimeoutMs = 180_000

/** Measures one contender. No other one runs at that time. */
export async function measureContender(
  contender: Contender,
  settings: CompareSettings,
): Promise<Measured> {
  const { load, tracedLoad, workDir, keepDir, note } = settings
  const fileName = contender.name.toLowerCase()
  const dataDir = join(keepDir ?? workDir, fileName)
  const kept = keepDir === undefined ? undefined : await readPushed(keepDir, fileName)
  if (!kept) refuseHalf(dataDir)
  let server: StoreServer | undefined
  const start = async () => {
    server = await contender.start(workDir, dataDir)
    return server
  }
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (!server) return
    settings.noise.addServer(readCpuSeconds(server.pid))
    await server.process.end(signal)
    server = undefined
  }
  const asked = new Answers(contender, settings)
  try {
    const first = await start()
    const version = await contender.version(first.url)
    note(
      `${[contender.name, version].join(' ').trim()}: ${kept ? 'has the lines' : 'takes the lines'}`,
    )
    const ingest = kept ?? (await store(contender, first, load, settings))
    const ingestPeakBytes = kept ? undefined : readPeakRssBytes(first.pid)
    note(`${contender.name}: answers`)
    await asked.askAll(first, load, listQuestions(load))
    const queryPeakBytes = readPeakRssBytes(first.pid)
    if (!kept) await store(contender, first, tracedLoad, settings)
    await asked.askAll(first, tracedLoad, listTracedQuestions(tracedLoad))
    if (keepDir !== undefined && !kept) await writePushed(keepDir, fileName, ingest)
    await end('SIGKILL')
    const { readyMs, readyCpuMs } = await start()
    const [needle] = listQuestions(load)
    const cold = await measureCold({
      ...{ stop: () => end('SIGTERM'), start, dataDir },
      path: contender.pathOf(needle!, load),
    })
    const figures = { version, ingest, ingestPeakBytes, queryPeakBytes, readyMs, readyCpuMs, cold }
    const { costs, problems, figuresOf: answers } = asked
    return { result: { name: contender.name, ...figures, costs, problems }, answers }
  } finally {
    await end('SIGTERM')
  }
}

/** Pushes a load, waits until all of it is stored and found, and returns the cost. */
async function store(
  contender: Contender,
  server: StoreServer,
  load: Load,
  settings: CompareSettings,
): Promise<IngestResult> {
  const { connectionCount } = settings
  const { flush } = contender
  // What it has in memory is written once it is quiet after the last push.
  let isFlushed = flush === undefined
  const flushed: StoreServer = {
    ...server,
    ...(flush && {
      async isSettled() {
        if (isFlushed) return true
        isFlushed = true
        const { status } = await fetch(new URL(flush.path, server.url), { method: flush.method })
        if (status >= 300) throw new Error(`${contender.name} answered ${status} to ${flush.path}`)
        return false
      },
    }),
  }
  const cost = await runIngest(flushed, load, { connectionCount, headers: {} })
  await waitForAll(contender, server, load)
  return { ...cost, diskBytes: contender.diskBytes(server.dataDir) }
}

async function waitForAll(
  contender: Contender,
  server: StoreServer,
  load: WorkloadSummary,
): Promise<void> {
  const question = countQuestion(load)
  const client = new HttpClient(server.url, 1, {})
  const startMs = performance.now()
  for (;;) {
    const answer = await client.send(contender.pathOf(question, load))
    const count = answer.status === 200 ? sumOf(contender.read(answer.body, question)) : undefined
    if (count === load.lineCount) break
    if (performance.now() - startMs > countTimeoutMs) {
      const has = count === undefined ? answer.body.slice(0, 500) : `${count} entries`
      throw new Error(`${contender.name} has ${has}, ${load.lineCount} were acknowledged`)
    }
    await new Promise(resolve => setTimeout(resolve, 1000))
  }
  client.close()
}

/** Counts all entries of one load. */
function countQuestion({ options }: WorkloadSummary): Question {
  const [logql, logsql] = options.isTraced
    ? ['{cluster="traced"}', '{cluster="traced"}']
    : ['{namespace=~".+"}', '{namespace!=""}']
  return {
    name: 'count',
    logql: { route: 'query', query: `sum(count_over_time(${logql}[3602s]))` },
    logsql: { query: `${logsql} | stats count() n` },
    form: { kind: 'sums', by: [] },
    check: () => undefined,
  }
}

/** Asks questions and collects costs, answers and problems. */
class Answers {
  readonly costs: QuestionCost[] = []
  readonly figuresOf = new Map<string, Figures>()
  readonly problems: Record<string, string> = {}
  readonly #contender: Contender
  readonly #repetitions: number

  constructor(contender: Contender, { repetitions }: CompareSettings) {
    this.#contender = contender
    this.#repetitions = repetitions
  }

  async askAll(
    server: StoreServer,
    load: WorkloadSummary,
    questions: readonly Question[],
  ): Promise<void> {
    const client = new HttpClient(server.url, 1, {})
    for (const question of questions) {
      const path = this.#contender.pathOf(question, load)
      const cpuRuns: number[] = []
      const wallRuns: number[] = []
      for (let i = 0; i < this.#repetitions; i++) {
        const { answer, wallMs, cpuMs = 0 } = await ask(client, server.pid, path)
        cpuRuns.push(cpuMs)
        wallRuns.push(wallMs)
        this.#take(question, answer)
      }
      this.costs.push({
        ...{ name: question.name, cpuMs: spread(cpuRuns), wallMs: spread(wallRuns) },
      })
    }
    client.close()
  }

  #take(question: Question, { status, body }: { status: number; body: string }): void {
    if (status !== 200) {
      this.problems[question.name] ??= `answered ${status}: ${body.trim().slice(0, 200)}`
      return
    }
    const figures = this.#contender.read(body, question)
    const problem = question.check(figures)
    if (problem !== undefined) this.problems[question.name] ??= problem
    this.figuresOf.set(question.name, figures)
  }
}
