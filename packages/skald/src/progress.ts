// What `skald all` shows on a terminal: the files it found, the progress through the backlog, commands to try.

import type { Agent } from '@skald/agent'
import { type Colours, coloursFor } from '@skald/wire'
import { drawIntervalMs, listedFilesMax } from './limits.ts'
import { drawBar } from './progress-bar.ts'
import type { Terminal } from './terminal.ts'

/** Shows the files and a progress bar until the backlog is read, then commands to try. */
export async function showProgress(
  agent: Agent,
  url: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const colours = coloursFor(terminal.stdout, terminal.env)
  const write = (text: string) => terminal.stdout.write(text)
  write(`${colours.bold('Skald')} answers on ${colours.cyan(url)}: open it in a browser\n`)
  await agent.firstSync
  if (signal.aborted) return
  write(formatFiles(agent, colours))
  await drawBacklog(agent, { write, colours, isTerminal: terminal.stdout.isTTY === true, signal })
  if (!signal.aborted) write(formatHints(url, colours))
}

function formatFiles(agent: Agent, colours: Colours): string {
  const files = agent.files()
  if (files.length === 0) {
    return `${colours.yellow('No log files found')} under /var/log; push to ${colours.cyan('/loki/api/v1/push')} instead\n`
  }
  const shown = files.slice(0, listedFilesMax).map(({ path }) => `  ${path}\n`)
  const rest = files.length - shown.length
  const more = rest > 0 ? `  ${colours.dim(`and ${rest} more`)}\n` : ''
  return `Reading ${files.length} file${files.length === 1 ? '' : 's'}:\n${shown.join('')}${more}`
}

interface Drawing {
  readonly write: (text: string) => void
  readonly colours: Colours
  readonly isTerminal: boolean
  readonly signal: AbortSignal
}

async function drawBacklog(agent: Agent, { write, colours, isTerminal, signal }: Drawing) {
  for (;;) {
    const { bytesRead, bytesTotal } = agent.progress()
    const isDone = bytesRead >= bytesTotal
    if (isTerminal) write(`\r${formatBar(bytesRead, bytesTotal, colours)}${isDone ? '\n' : ''}`)
    if (isDone || signal.aborted) break
    await new Promise(resolve => setTimeout(resolve, drawIntervalMs))
  }
}

/** Draws the bar. One third read is `[██████████░░░░░░░░░░░░░░░░░░░░]  33 %  12.0 of 36.0 MB, 24.0 left`. */
export function formatBar(bytesRead: number, bytesTotal: number, colours: Colours): string {
  const share = bytesTotal === 0 ? 1 : Math.min(1, bytesRead / bytesTotal)
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1)
  const left = mb(Math.max(0, bytesTotal - bytesRead))
  return `${drawBar(share, colours)}  ${mb(Math.min(bytesRead, bytesTotal))} of ${mb(bytesTotal)} MB, ${left} left`
}

function formatHints(url: string, colours: Colours): string {
  return `
Try:
  ${colours.cyan(`curl -G ${url}/loki/api/v1/query_range --data-urlencode 'query={job=~".+"}'`)}
  ${colours.cyan(`curl -G ${url}/loki/api/v1/query_range --data-urlencode 'query=sum by (job) (count_over_time({job=~".+"}[5m]))'`)}
`
}
