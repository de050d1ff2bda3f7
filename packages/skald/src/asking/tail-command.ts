// `skald tail 'LOGQL'…`: prints lines as they come, from one query or several, and comes back when the store does.

import { setTimeout as sleep } from 'node:timers/promises'
import { nsPerMs } from '@skald/go-dialect'
import { type Colours, coloursFor } from '@skald/wire'
import type { Command } from 'commander'
import { AskError } from '../errors.ts'
import { tailPauseMs, tailRememberedMax } from '../limits.ts'
import type { Server } from '../server-address.ts'
import { readSince } from '../since-flag.ts'
import { waitForStopSignal } from '../stop-signal.ts'
import type { Terminal } from '../terminal.ts'
import {
  askCommand,
  choice,
  names,
  parseArguments,
  readAskedStore,
  type StoreOptions,
  wholeNumber,
  withStore,
} from './ask-program.ts'
import {
  type EntryFormat,
  type EntryStyle,
  entryFormats,
  entryHead,
  printEntry,
} from './entry-output.ts'
import { answeredText, askText, queryString, whyUnreachable } from './store-client.ts'

interface TailOptions extends StoreOptions {
  readonly since: string
  readonly limit: number
  readonly output: EntryFormat
  readonly labels: boolean
  readonly includeLabel?: readonly string[]
  readonly excludeLabel?: readonly string[]
  readonly delayFor?: number
}

/** Describes the command line. */
export function tailProgram(): Command {
  const command = askCommand(
    'tail',
    'Prints lines as they come. With several queries, a colour tells which one found a line.',
  )
    .argument('<LOGQL...>', 'queries, each in quotes')
    .option('--since <duration>', 'how far back to begin', '1m')
    .option('--limit <n>', 'maximum number of older lines of each query', wholeNumber(), 100)
    .addOption(choice('-o, --output <format>', 'how to print', entryFormats).default('default'))
    .option('--no-labels', 'print no labels')
    .option('--include-label <name>', 'print only this label, and others given so', names)
    .option('--exclude-label <name>', 'do not print this label', names)
    .option(
      '--delay-for <seconds>',
      'wait for lines that come late, up to 5 seconds',
      wholeNumber(true),
    )
  return withStore(command)
}

/**
 * Runs the command until it is stopped. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid; AskError if a query is not valid, or no store answers at first.
 */
export async function runTailCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const command = parseArguments(tailProgram(), argv)
  const options = command.opts<TailOptions>()
  const server = readAskedStore(options, command, terminal)
  const sinceNs = readSince(options.since, command.helpInformation())
  const startNs = BigInt(Date.now()) * nsPerMs - sinceNs
  const colours = coloursFor(terminal.stdout, terminal.env)
  const style: EntryStyle = {
    ...{ format: options.output, colours, hidesLabels: !options.labels },
    ...{ included: options.includeLabel ?? [], excluded: options.excludeLabel ?? [] },
  }
  terminal.stdout.write(entryHead(style))
  const stopping = new AbortController()
  void waitForStopSignal().then(() => stopping.abort())
  const tails = command.args.map((logql, i) => {
    const prefix =
      command.args.length > 1 && style.format === 'default' ? `${mark(i, colours)} ` : ''
    const print = (entry: Parameters<typeof printEntry>[0]) =>
      terminal.stdout.write(prefix + printEntry(entry, style))
    const tell = (text: string) => terminal.stderr.write(`${text}\n`)
    return new LiveTail({ server, logql, startNs, options, print, tell, signal: stopping.signal })
  })
  try {
    await Promise.all(tails.map(tail => tail.run()))
  } finally {
    stopping.abort()
  }
  return 0
}

function mark(i: number, { cyan, green, yellow, red, bold }: Colours): string {
  const paints = [cyan, green, yellow, red, bold]
  return paints[i % paints.length]!(`[${i + 1}]`)
}

interface TailParts {
  readonly server: Server
  readonly logql: string
  readonly startNs: bigint
  readonly options: TailOptions
  readonly print: (entry: Parameters<typeof printEntry>[0]) => void
  /** Tells the person something that is not a line. */
  readonly tell: (text: string) => void
  readonly signal: AbortSignal
}

interface TailFrame {
  readonly streams?: readonly {
    readonly stream: Readonly<Record<string, string>>
    readonly values: readonly (readonly [ns: string, line: string])[]
  }[]
  readonly dropped_entries?: readonly unknown[] | null
}

/** One query that is followed. After a break, it continues with the time of the last line. */
class LiveTail {
  readonly #parts: TailParts
  /** Time of the newest line, and the lines of that time. */
  #lastNs: bigint
  readonly #lastLines = new Set<string>()
  #hasBegun = false

  constructor(parts: TailParts) {
    this.#parts = parts
    this.#lastNs = parts.startNs
  }

  async run(): Promise<void> {
    const { server, signal, tell } = this.#parts
    let pauseMs: number = tailPauseMs.first
    while (!signal.aborted) {
      const wasOpen = await this.#follow()
      if (signal.aborted) return
      // The store says in words why it refuses a query, but not to a websocket.
      if (!wasOpen) await this.#refuseForGood()
      if (wasOpen) {
        tell(`The connection to ${server.url} broke: trying again`)
        pauseMs = tailPauseMs.first
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
      pauseMs = Math.min(pauseMs * 2, tailPauseMs.most)
    }
  }

  /** Follows until the connection ends. Resolves with true if it had been open. */
  #follow(): Promise<boolean> {
    const { server, signal } = this.#parts
    const url = `${server.url.replace(/^http/, 'ws')}/loki/api/v1/tail${queryString(this.#params())}`
    // Node's WebSocket takes headers, which the standard does not know.
    const socket = new WebSocket(url, { headers: server.headers } as unknown as string[])
    let wasOpen = false
    const stop = () => socket.close()
    signal.addEventListener('abort', stop, { once: true })
    return new Promise(resolve => {
      socket.addEventListener('open', () => {
        wasOpen = true
        this.#hasBegun = true
      })
      socket.addEventListener('message', ({ data }) => this.#show(JSON.parse(String(data))))
      socket.addEventListener('close', () => {
        signal.removeEventListener('abort', stop)
        resolve(wasOpen)
      })
      // It is followed by a close.
      socket.addEventListener('error', () => undefined)
    })
  }

  #params() {
    const { logql, options } = this.#parts
    return {
      ...{ query: logql, start: String(this.#lastNs), limit: String(options.limit) },
      delay_for: options.delayFor === undefined ? undefined : String(options.delayFor),
    }
  }

  #show({ streams = [], dropped_entries: dropped }: TailFrame): void {
    const entries = streams
      .flatMap(({ stream, values }) =>
        values.map(([ns, line]) => ({ timestampNs: BigInt(ns), line, labels: stream })),
      )
      .sort((a, b) => Number(a.timestampNs - b.timestampNs))
    for (const entry of entries) {
      const key = `${JSON.stringify(entry.labels)} ${entry.line}`
      if (entry.timestampNs === this.#lastNs && this.#lastLines.has(key)) continue
      if (entry.timestampNs > this.#lastNs) {
        this.#lastNs = entry.timestampNs
        this.#lastLines.clear()
      }
      if (entry.timestampNs === this.#lastNs && this.#lastLines.size < tailRememberedMax)
        this.#lastLines.add(key)
      this.#parts.print(entry)
    }
    const count = dropped?.length ?? 0
    if (count > 0) this.#parts.tell(`The store left out ${count} lines, because they came too fast`)
  }

  /**
   * Asks the query in the usual way, which tells what is wrong with it.
   * @throws AskError if it never worked, or the store refuses it.
   */
  async #refuseForGood(): Promise<void> {
    const { server, logql } = this.#parts
    const params = { query: logql, limit: '1', since: '1s' }
    const target = `${server.url}/loki/api/v1/query_range${queryString(params)}`
    let response: Response
    try {
      response = await fetch(target, { headers: server.headers })
    } catch (error) {
      if (this.#hasBegun) return
      throw new AskError(whyUnreachable(server.url, error as Error), { cause: error })
    }
    const text = await response.text()
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      throw new AskError(answeredText(server.url, response.status, text))
    }
    // It is a query that cannot be followed, such as a metric query.
    if (response.ok && !this.#hasBegun) {
      await askText(server, '/loki/api/v1/tail', { query: logql })
    }
  }
}
