// journal: reads systemd's journal through journalctl, starting at a saved cursor.

import { setTimeout as sleep } from 'node:timers/promises'
import {
  readBoolean,
  readDurationMs,
  readLabels,
  readText,
  type ValueReader,
} from '@skald/config-reading'
import { ascending } from '@skald/wire'
import { journalAgeMsDefault, journalBackoff, journalEntryBytesMax } from '../limits.ts'
import { backoffMs } from '../net/backoff.ts'
import { cursorTimeMs, type JournalEntry, parseJournalEntry } from './journal-entry.ts'
import { PendingPlaces } from './pending-places.ts'
import { checkProgram, type RunningProgram, startProgram } from './program.ts'
import { cursorKey, type Source, type SourceConfig, type SourceContext } from './source.ts'
import { splitLines } from './split-lines.ts'

interface JournalConfig {
  readonly maxAgeMs: number
  /** Sends the whole entry as JSON. */
  readonly isJson: boolean
  readonly labels: ReadonlyMap<string, string>
  readonly path: string | undefined
  readonly matches: readonly string[]
}

const priorities = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug']

const readMatches: ValueReader<string[]> = cursor => {
  const matches = (readText(cursor) ?? '').split(' ').filter(match => match !== '')
  const wrong = matches.find(match => !/^[A-Z0-9_]+=/.test(match))
  if (wrong === undefined) return matches
  return cursor.failAtKey(
    `matches must be FIELD=value pairs separated by blanks, found ${JSON.stringify(wrong)}`,
  )
}

/** Reads the body of journal. */
export const readJournalSource: ValueReader<SourceConfig> = cursor => {
  const raw = cursor.record({
    max_age: readDurationMs,
    json: readBoolean,
    labels: readLabels,
    path: readText,
    matches: readMatches,
  })
  const config: JournalConfig = {
    maxAgeMs: raw.max_age ?? journalAgeMsDefault,
    isJson: raw.json ?? false,
    labels: raw.labels ?? new Map(),
    path: raw.path || undefined,
    matches: raw.matches ?? [],
  }
  const check = (reader: string) =>
    checkProgram('journalctl', {
      args: ['--version'],
      before: `${reader} reads the journal`,
      after: 'Install systemd, or remove the job',
    })
  const probe = async () => {
    try {
      check('the job')
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  const start = async (context: SourceContext) => {
    check(`job ${context.jobName}`)
    return new JournalSource(config, context)
  }
  return { isPerClient: true, start, probe }
}

class JournalSource implements Source {
  readonly #config: JournalConfig
  readonly #context: SourceContext
  readonly #key: string
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>
  /** Cursors of lines that no server has accepted yet. */
  readonly #pending = new PendingPlaces<string>()
  #running: RunningProgram | undefined
  #cursor: string | undefined
  #attempt = 0
  #problem: string | undefined

  constructor(config: JournalConfig, context: SourceContext) {
    this.#config = config
    this.#context = context
    const { jobName, cursors, inlet } = context
    this.#key = cursorKey(context)
    this.#cursor = cursors.get(this.#key) ?? cursors.get(`journal-${jobName}`)
    inlet.flow.onProgress = () => this.#saveSettled()
    this.#done = this.#run()
  }

  get isReady(): boolean {
    return this.#running !== undefined
  }

  get place(): string {
    return `journal ${this.#config.path ?? 'of the system'}`
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** Runs journalctl, and restarts it whenever it ends. */
  async #run(): Promise<void> {
    const { logger } = this.#context
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const complaint = await this.#follow().catch((error: Error) => error.message)
      if (signal.aborted) return
      this.#problem = `journalctl ended: ${complaint}`
      const waitMs = backoffMs(journalBackoff, this.#attempt++, { random: Math.random })
      logger.warn(
        { error: complaint, waitMs: Math.round(waitMs) },
        'journalctl ended, will start it again',
      )
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Follows the journal until journalctl ends. Returns its error output. */
  async #follow(): Promise<string> {
    const { path, matches } = this.#config
    const place = path === undefined ? [] : [`--directory=${path}`]
    const options = ['--output=json', '--all', '--follow', '--no-tail', '--no-pager', '--quiet']
    const args = [...options, ...place, this.#from(), ...matches]
    const running = startProgram('journalctl', args)
    this.#running = running
    try {
      for await (const line of splitLines(running.child.stdout, journalEntryBytesMax)) {
        await this.#context.inlet.room()
        if (this.#stopping.signal.aborted) break
        this.#take(line)
      }
    } finally {
      running.child.kill('SIGTERM')
      await running.ended
      this.#running = undefined
    }
    return (await running.ended).complaint
  }

  /** Returns where to start: after the last accepted entry, but not earlier than the maximum age allows. */
  #from(): string {
    const oldestMs = this.#context.wallMs() - this.#config.maxAgeMs
    const timeMs = this.#cursor === undefined ? undefined : cursorTimeMs(this.#cursor)
    if (timeMs !== undefined && timeMs >= oldestMs) return `--after-cursor=${this.#cursor}`
    return `--since=@${(oldestMs / 1000).toFixed(3)}`
  }

  #take(line: Buffer): void {
    const { inlet, laneMetrics: metrics, logger } = this.#context
    let entry: JournalEntry
    try {
      entry = parseJournalEntry(line)
    } catch (error) {
      metrics.journalErrors.inc({ error: 'malformed' })
      logger.warn({ error: (error as Error).message }, 'Cannot read a journal entry')
      return
    }
    this.#attempt = 0
    this.#cursor = entry.cursor
    this.#pending.add(inlet.flow.sequence, entry.cursor)
    const text = this.#config.isJson ? formatFields(entry.fields) : entry.message
    if (text === undefined) {
      metrics.journalErrors.inc({ error: 'no_message' })
      inlet.flow.pass()
    } else {
      const { timestampNs } = entry
      const isSent = inlet.add({ labels: this.#labelsOf(entry), line: text, timestampNs })
      if (isSent) metrics.journalLines.inc({})
      else metrics.journalErrors.inc({ error: 'empty_labels' })
    }
    this.#saveSettled()
  }

  #labelsOf({ fields }: JournalEntry): Map<string, string> {
    const labels = new Map(this.#config.labels)
    for (const [name, value] of fields) {
      // The message is the line, not a label.
      if (name !== 'MESSAGE') labels.set(`__journal_${name.toLowerCase()}`, value)
    }
    const keyword = priorities[Number(fields.get('PRIORITY') ?? -1)]
    if (keyword) labels.set('__journal_priority_keyword', keyword)
    return labels
  }

  /** Saves the cursor of the last line up to which everything is settled. */
  #saveSettled(): void {
    const cursor = this.#pending.takeSettled(this.#context.inlet.flow).at(-1)
    if (cursor !== undefined) this.#context.cursors.set(this.#key, cursor)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#running?.child.kill('SIGTERM')
    await this.#done
  }

  async close(): Promise<void> {
    this.#saveSettled()
  }
}

function formatFields(fields: ReadonlyMap<string, string>): string {
  return JSON.stringify(Object.fromEntries([...fields].sort(([a], [b]) => ascending(a, b))))
}
