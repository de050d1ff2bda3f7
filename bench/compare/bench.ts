// npm run bench -- compare: measures Skald, then each other server whose program is given, compares their
// answers, prints the rows, and writes the page, the plot and the raw figures.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootDir } from '../../e2e/skald-process.ts'
import { growthRows, readRunCosts } from '../growth.ts'
import { measureFullReadMs, measureIngestLimit } from '../limits.ts'
import { closeLoad, createLoad, type Load, openLoad } from '../load.ts'
import { NoiseMeter } from '../noise.ts'
import type { BenchOptions } from '../options.ts'
import { describeMachine } from '../report.ts'
import { formatTable, type Row } from '../table.ts'
import { disagreementsOf } from './agreement.ts'
import { type Contender, lokiOf, skald, victoriaLogsOf } from './contenders.ts'
import { type ContenderResult, type Measured, measureContender } from './measure.ts'
import {
  formatFigure,
  formatPlot,
  formatSection,
  jsonFile,
  type PageFigures,
  plotFile,
  replaceSection,
} from './page.ts'
import { listQuestions, listTracedQuestions } from './questions.ts'
import { type CompareLimits, type CompareRow, compareRows } from './rows.ts'

/** What the comparison needs from the command line. */
export interface CompareRun {
  readonly options: BenchOptions
  readonly workDir: string
  readonly load: Load
  readonly note: (text: string) => void
  readonly print: (text: string) => void
}

/** The size whose figures are the page's. */
const pageMegabytes = 335

/** Runs the comparison. Returns the raw figures. */
export async function runCompareBench(run: CompareRun): Promise<Readonly<Record<string, unknown>>> {
  const { options, workDir, load, note, print } = run
  const { contenders, leftOut } = listContenders(options)
  for (const reason of leftOut) note(reason)
  const tracedLoad = prepareTracedLoad(run)
  try {
    const limits: CompareLimits = {
      ingest: measureIngestLimit(load),
      fullReadMs: measureFullReadMs(load, options.repetitions),
      tracedFullReadMs: measureFullReadMs(tracedLoad, options.repetitions),
    }
    const noise = new NoiseMeter()
    const { keepDir, connectionCount, repetitions } = options
    const all: Measured[] = []
    for (const contender of contenders) {
      all.push(
        await measureContender(contender, {
          ...{ load, tracedLoad, workDir, keepDir, connectionCount, repetitions, noise, note },
        }),
      )
    }
    const noiseShare = noise.readShare()
    const results = all.map(({ result }) => result)
    for (const { name, cold } of results) {
      if ('leftOut' in cold) note(`${name}: the cold cache is left out: ${cold.leftOut}`)
    }
    const questions = [...listQuestions(load), ...listTracedQuestions(tracedLoad)]
    const disagreements = disagreementsOf(all, questions)
    const rows = compareRows({
      ...{ results, disagreements, limits, megabytes: options.megabytes },
      logfmtLineCount: load.byKind.logfmt.lineCount,
    })
    print(formatTable(tableRows(rows, results)))
    if (options.against !== undefined) await printGrowth(run, results)
    const page: PageFigures = {
      ...{ machine: describeMachine(), participants: results, rows, questions },
      remarks: [...leftOut, ...keptRemarks(results)],
      ...{ megabytes: options.megabytes, tracedMegabytes: tracedLoad.options.megabytes },
      ...{ repetitions, noiseShare, fullReadMs: limits.fullReadMs },
      limitSeconds: limits.ingest.snappySeconds + limits.ingest.zstdSeconds,
    }
    const raw = { servers: results, rows, limits, noiseShare, disagreements }
    await writeDocs(run, page, raw)
    note(`other processes used ${(noiseShare * 100).toFixed(0)} % of the machine's CPU time`)
    if (Object.keys(disagreements).length > 0) process.exitCode = 1
    return raw
  } finally {
    closeLoad(tracedLoad)
  }
}

/** Lists the servers that take part, and why others do not. */
export function listContenders({
  loki,
  victorialogs,
}: Pick<BenchOptions, 'loki' | 'victorialogs'>): {
  readonly contenders: readonly Contender[]
  readonly leftOut: readonly string[]
} {
  const contenders = [skald]
  const leftOut: string[] = []
  if (loki === undefined) leftOut.push('Loki is left out: name its program with --loki.')
  else contenders.push(lokiOf(loki))
  if (victorialogs === undefined) {
    leftOut.push('VictoriaLogs is left out: name its program with --victorialogs.')
  } else {
    contenders.push(victoriaLogsOf(victorialogs))
  }
  return { contenders, leftOut }
}

function keptRemarks(results: readonly ContenderResult[]): string[] {
  return results
    .filter(({ ingestPeakBytes }) => ingestPeakBytes === undefined)
    .map(
      ({ name }) =>
        `${name} got the lines in an earlier run, so its figures of ingest are from then.`,
    )
}

/** Makes the lines with trace ids: no more than the targets' size, since one question needs them. */
function prepareTracedLoad({ options, workDir, load }: CompareRun): Load {
  const dir = join(options.keepDir ?? workDir, 'traced-load')
  const kept = options.keepDir === undefined ? undefined : openLoad(dir)
  return (
    kept ??
    createLoad(dir, {
      seed: load.options.seed + 1,
      megabytes: Math.min(options.megabytes, pageMegabytes),
      startMs: load.options.startMs,
      isTraced: true,
    })
  )
}

/** Formats the rows for the terminal: a server's figures in one column each. */
function tableRows(rows: readonly CompareRow[], results: readonly ContenderResult[]): Row[] {
  return rows.map(row => {
    const values = results
      .map(({ name }) => `${name} ${formatFigure(row.values[name], row.unit) || '-'}`)
      .join(', ')
    if (row.failure !== undefined) {
      return { figure: row.figure, value: values, target: row.failure, isMet: false }
    }
    return {
      ...{ figure: row.figure, value: values },
      ...(row.target !== undefined && { target: row.target }),
      ...(row.isMet !== undefined && { isMet: row.isMet }),
    }
  })
}

async function printGrowth(
  { options, print }: CompareRun,
  results: readonly ContenderResult[],
): Promise<void> {
  const earlier = readRunCosts(await readFile(options.against!, 'utf8'))
  const now = { options: { megabytes: options.megabytes }, servers: results }
  print(formatTable(growthRows(earlier, readRunCosts(JSON.stringify(now)))))
}

async function writeDocs(
  { options, note }: CompareRun,
  page: PageFigures,
  raw: Readonly<Record<string, unknown>>,
): Promise<void> {
  const isPageSize = options.megabytes === pageMegabytes
  if (options.docsDir === undefined && !isPageSize) {
    note(`the page keeps its figures of ${pageMegabytes} MB; --docs DIR writes these into DIR`)
    return
  }
  const dir = options.docsDir ?? join(rootDir, 'docs')
  const file = join(dir, 'benchmarks.md')
  const text = await readFile(file, 'utf8')
  await writeFile(file, replaceSection(text, formatSection(page)))
  await writeFile(join(dir, plotFile), formatPlot(page))
  const settings = {
    ...{ megabytes: options.megabytes, seed: options.seed },
    ...{ connectionCount: options.connectionCount, repetitions: options.repetitions },
  }
  await writeFile(
    join(dir, jsonFile),
    `${JSON.stringify({ machine: page.machine, options: settings, ...raw }, null, 2)}\n`,
  )
  note(`wrote benchmarks.md, ${plotFile} and ${jsonFile} in ${dir}`)
}
