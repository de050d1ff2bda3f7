// The comparison's section of docs/benchmarks.md: a table, a plot, and how it was measured. It lies
// between two markers, and the rest of the page stays.

import type { Machine } from '../report.ts'
import type { ContenderName } from './contenders.ts'
import { drawPlot } from './plot.ts'
import type { Question } from './questions.ts'
import type { CompareRow } from './rows.ts'

/** A server that took part. */
export interface Participant {
  readonly name: ContenderName
  readonly version: string
}

/** Everything that the page says. */
export interface PageFigures {
  readonly machine: Machine
  readonly participants: readonly Participant[]
  /** Sentences about what is not as usual, such as who is left out. */
  readonly remarks: readonly string[]
  readonly rows: readonly CompareRow[]
  readonly questions: readonly Question[]
  readonly megabytes: number
  readonly tracedMegabytes: number
  readonly repetitions: number
  /** Share of the machine's CPU time that others used during the run, from 0 to 1. */
  readonly noiseShare: number
  readonly limitSeconds: number
  readonly fullReadMs: number
}

/** File names of the plot and the raw figures, next to the page. */
export const plotFile = 'benchmarks-compare.svg'
export const jsonFile = 'benchmarks-compare.json'

const begin = '<!-- compare:begin -->'
const end = '<!-- compare:end -->'
const colours: Readonly<Record<ContenderName, string>> = {
  Skald: '#1a7f37',
  Loki: '#bf8700',
  VictoriaLogs: '#8250df',
}

/**
 * Replaces the section between the markers.
 * @throws RangeError if the page does not have the markers once, in order.
 */
export function replaceSection(page: string, section: string): string {
  const start = page.indexOf(begin)
  const stop = page.indexOf(end)
  if (start < 0 || stop < start || page.lastIndexOf(begin) !== start) {
    throw new RangeError(`The page must have ${begin} and then ${end}, once each`)
  }
  return `${page.slice(0, start + begin.length)}\n${section.trim()}\n${page.slice(stop)}`
}

/** Returns the section as Markdown. */
export function formatSection(figures: PageFigures): string {
  const { machine, participants, remarks, megabytes, tracedMegabytes, repetitions } = figures
  const date = machine.date.slice(0, 10)
  return `
One run of ${date} at commit ${machine.commit}: ${machine.cpu} with ${machine.coreCount} cores and ${machine.memoryGb} GB, Node ${machine.node}.
Each server took ${megabytes} MB of lines, one server after the other. Other processes used ${(figures.noiseShare * 100).toFixed(0)} % of the
machine's CPU time meanwhile. CPU is user and system time of all threads of the server, and the median of ${repetitions} runs for
a question. All servers gave the same answers, unless a row says otherwise.
${remarks.map(remark => `\n${remark}\n`).join('')}
![CPU, memory and disk of ${participants.map(nameOf).join(', ')}](${plotFile})

${formatRows(figures)}

Reading and searching all lines once (zstd decode and \`Buffer.indexOf\`) cost ${figures.fullReadMs.toFixed(0)} ms of CPU in this run, and snappy
decoding plus zstd level 1 cost ${figures.limitSeconds.toFixed(2)} s. The id in structured metadata was searched in ${tracedMegabytes} MB of other lines, each
with a trace id and a span id. [${jsonFile}](${jsonFile}) has the raw figures.

The questions, in LogQL for Skald and Loki and in LogsQL for VictoriaLogs:

${formatQuestions(figures.questions)}
`
}

/** Returns the plot of the rows as SVG. */
export function formatPlot({ participants, rows, megabytes }: PageFigures): string {
  const valuesOf = (row: CompareRow) => participants.map(({ name }) => row.values[name])
  const panel = (units: readonly string[], withUnit: boolean) =>
    rows
      .filter(({ unit, failure }) => units.includes(unit) && failure === undefined)
      .map(row => ({
        label: withUnit ? `${row.figure}, ${row.unit}` : row.figure,
        values: valuesOf(row),
      }))
  return drawPlot({
    title: `${megabytes} MB of log lines`,
    series: participants.map(participant => ({
      name: nameOf(participant),
      colour: colours[participant.name],
    })),
    panels: [
      {
        title: 'In all (each row has its own scale)',
        kind: 'bars',
        rows: panel(['CPU-s', 'MB', 'ms'], true),
      },
      { title: 'CPU of one answer, in ms', kind: 'dots', rows: panel(['ms CPU'], false) },
    ],
  })
}

function formatRows({ participants, rows }: PageFigures): string {
  const head = ['figure', ...participants.map(nameOf), 'target for Skald', 'result']
  const body = rows.map(row => [
    row.figure,
    ...participants.map(({ name }) => formatFigure(row.values[name], row.unit)),
    row.failure === undefined ? (row.target ?? '') : '',
    resultOf(row),
  ])
  return formatMarkdownTable(head, body)
}

function resultOf({ failure, isMet }: CompareRow): string {
  if (failure !== undefined) return `failed: ${failure}`
  return isMet === undefined ? '' : isMet ? 'met' : 'missed'
}

/** Formats a figure with its unit. */
export function formatFigure(value: number | undefined, unit: CompareRow['unit']): string {
  if (value === undefined) return ''
  const digits = value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
  return `${unit === 'CPU-s' && value >= 10 ? value.toFixed(1) : digits} ${unit}`
}

function formatQuestions(questions: readonly Question[]): string {
  const body = questions.map(({ name, logql, logsql }) => [
    name,
    code(logql.query),
    code(logsql.query),
  ])
  return formatMarkdownTable(['question', 'LogQL', 'LogsQL'], body)
}

/** A span of code that may have backticks and lies in a table. */
function code(text: string): string {
  const escaped = text.replaceAll('|', '\\|')
  return text.includes('`') ? `\`\` ${escaped} \`\`` : `\`${escaped}\``
}

function formatMarkdownTable(
  head: readonly string[],
  body: readonly (readonly string[])[],
): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [row(head), `|${'---|'.repeat(head.length)}`, ...body.map(row)].join('\n')
}

function nameOf({ name, version }: Participant): string {
  return version === '' ? name : `${name} ${version}`
}
