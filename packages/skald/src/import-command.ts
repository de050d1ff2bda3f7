// `skald import`: reads the lines of a running Loki (or Skald) over HTTP, window by window, and pushes them.

import { parseArgs } from 'node:util'
import {
  formatDurationMs,
  formatPrometheusDuration,
  formatRfc3339,
  nsPerMs,
  nsPerSecond,
  parsePrometheusDuration,
  parseRfc3339,
} from '@skald/go-dialect'
import { type LogFormat, logFormats } from '@skald/wire'
import { createLogger } from '@skald/wire/logger'
import { ImportError, UsageError } from './errors.ts'
import { type ImportProgress, loadProgress, saveProgress } from './import/progress-file.ts'
import { readPages, readSelectors, type Window } from './import/source.ts'
import { pushStreams } from './import/target.ts'
import {
  type Login,
  meantStoreUrl,
  readLogin,
  readServerAddress,
  type Server,
  wrongAddress,
} from './server-address.ts'
import type { Terminal } from './terminal.ts'

type Logger = ReturnType<typeof createLogger>

export const importUsage = `skald import --from URL [options]

Reads lines from a running Loki over its HTTP API and pushes them to a Skald store. If you stop it, run
it again: it continues where it stopped, and lines that it pushed twice count once. If you run it after it finished, it
copies newer lines.

  --from URL          Loki to read from, with user and password as https://USER:PASSWORD@HOST
  --to URL            store to push to (default $SKALD_URL or http://127.0.0.1:3100)
  --since DURATION    how far back to start (default 30d)
  --start TIME        where to start, instead of --since: 2026-05-01T00:00:00Z
  --end TIME          where to stop (default now)
  --query SELECTOR    only these streams, such as '{namespace="shop"}' (default all)
  --window DURATION   time range of one query (default 1h)
  --page N            entries per answer (default 5000, like Loki's max_entries_limit_per_query)
  --from-tenant NAME  tenant to read
  --to-tenant NAME    tenant to write
  --from-token TOKEN  token to show where it reads
  --from-user NAME:PASS
                      user and password to show where it reads
  --to-token TOKEN    token to show where it writes (default $SKALD_TOKEN)
  --to-user NAME:PASS user and password to show where it writes (default $SKALD_USER and $SKALD_PASSWORD)
  --state FILE        file that keeps the progress (default skald-import.json)
  --log.format FORM   logfmt or json (default logfmt)
`

/** Lines may reach their server some time after their timestamp. */
const overlapNs = 300n * nsPerSecond

interface ImportOptions {
  readonly source: Server
  readonly target: Server
  readonly query: string
  readonly startNs: bigint
  readonly endNs: bigint
  readonly windowNs: bigint
  readonly pageEntries: number
  readonly statePath: string
  readonly logFormat: LogFormat
}

/**
 * Runs the command. Returns 0 if every entry was accepted, 1 if some were rejected or a server could not be
 * used.
 *
 * @throws UsageError if an argument is not valid.
 */
export async function runImportCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const options = readArguments(argv, terminal.env)
  const logger = createLogger({
    level: 'info',
    format: options.logFormat,
    destination: terminal.stderr,
  })
  try {
    return await runImport(options, terminal, logger)
  } catch (error) {
    // A person can fix these. The progress file keeps what is done.
    if (!(error instanceof ImportError) && !/^Cannot reach /.test((error as Error).message))
      throw error
    logger.error((error as Error).message)
    return 1
  }
}

async function runImport(
  options: ImportOptions,
  { stdout }: Terminal,
  logger: Logger,
): Promise<number> {
  const { source, target, statePath } = options
  const kept = loadProgress(statePath)
  const started = kept ?? newProgress(options)
  if (started.from !== source.url || started.to !== target.url || started.query !== options.query) {
    throw new ImportError(
      `${statePath} is of another import, from ${started.from} to ${started.to}: name another --state, or remove it`,
    )
  }
  let progress = kept ? continued(kept, options) : started
  const endNs = BigInt(progress.endNs)
  if (kept) logger.info(`Continuing at ${formatRfc3339(BigInt(progress.doneNs))}`)
  const refusals = new Set<string>()
  while (BigInt(progress.doneNs) < endNs) {
    const window = nextWindow(BigInt(progress.doneNs), endNs, options.windowNs)
    const entries = await importWindow(options, window, logger, refusals)
    const isLate = window.startNs >= endNs - overlapNs
    progress = {
      ...progress,
      doneNs: String(window.endNs),
      entries: progress.entries + entries,
      lateEntries: (progress.lateEntries ?? 0) + (isLate ? entries : 0),
    }
    saveProgress(statePath, progress)
    if (entries > 0) logger.info(formatProgress(progress))
  }
  const span = `${formatRfc3339(BigInt(progress.startNs))} to ${formatRfc3339(endNs)}`
  const outcome = refusals.size > 0 ? 'were sent, less what was refused, to' : 'are in'
  stdout.write(`${progress.entries} entries of ${span} ${outcome} ${target.url}\n`)
  return refusals.size > 0 ? 1 : 0
}

/** Returns where to continue. A finished import continues with newer lines. */
function continued(kept: ImportProgress, { endNs }: ImportOptions): ImportProgress {
  const keptEndNs = BigInt(kept.endNs)
  const isDone = BigInt(kept.doneNs) >= keptEndNs
  if (!isDone || endNs <= keptEndNs) return kept
  const late = keptEndNs - overlapNs
  const startNs = BigInt(kept.startNs)
  return {
    ...kept,
    endNs: String(endNs),
    doneNs: String(late > startNs ? late : startNs),
    entries: kept.entries - (kept.lateEntries ?? 0),
    lateEntries: 0,
  }
}

/** Returns the next span to copy. A repeated import reads the last spans again. */
function nextWindow(startNs: bigint, endNs: bigint, windowNs: bigint): Window {
  const lateNs = endNs - overlapNs
  const limitNs = startNs < lateNs ? lateNs : endNs
  const nextNs = startNs + windowNs
  return { startNs, endNs: nextNs < limitNs ? nextNs : limitNs }
}

/** Writes `2026-05-01T12:00:00Z: 1200 entries, 40 % of the time, 18h left`. */
function formatProgress({ startNs, doneNs, endNs, entries }: ImportProgress): string {
  const [start, done, end] = [BigInt(startNs), BigInt(doneNs), BigInt(endNs)]
  const percent = ((done - start) * 100n) / (end - start)
  const secondsLeft = (end - done) / nsPerSecond
  const left = formatPrometheusDuration(secondsLeft * nsPerSecond)
  return `${formatRfc3339(done)}: ${entries} entries, ${percent} % of the time, ${left} left`
}

function newProgress({ source, target, query, startNs, endNs }: ImportOptions): ImportProgress {
  return {
    from: source.url,
    to: target.url,
    query,
    startNs: String(startNs),
    endNs: String(endNs),
    doneNs: String(startNs),
    entries: 0,
  }
}

/** Copies one window and returns the number of accepted entries. Reports each kind of rejection once. */
async function importWindow(
  { source, target, query, pageEntries }: ImportOptions,
  window: Window,
  logger: Logger,
  refusals: Set<string>,
): Promise<number> {
  const onRetry = (reason: string, pauseMs: number) => {
    logger.warn(`${reason}; trying again in ${formatDurationMs(pauseMs)}`)
  }
  const reading = { pageEntries, onRetry }
  const selectors = query === '' ? await readSelectors(source, window, reading) : [query]
  let entries = 0
  let repeats = 0
  for (const selector of selectors) {
    for await (const { streams, repeatCount } of readPages(source, selector, window, reading)) {
      repeats += repeatCount
      for await (const pushed of pushStreams(target, streams, onRetry)) {
        entries += pushed.entries
        const kind = pushed.refusal?.replace(/\d+/g, '0')
        if (pushed.refusal === undefined || kind === undefined || refusals.has(kind)) continue
        refusals.add(kind)
        logger.warn(`${target.url} refused entries: ${pushed.refusal}`)
      }
    }
  }
  if (repeats > 0) {
    const before = formatRfc3339(window.endNs)
    logger.info(
      `${before}: ${repeats} more entries have stream, time, line and metadata of another one, and count once with it`,
    )
  }
  return entries
}

function readArguments(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ImportOptions {
  const { values, positionals } = parse(argv)
  if (positionals.length > 0) throw usage(`skald import takes no ${positionals[0]}`)
  if (values.from === undefined) throw usage('--from is missing: the URL of the Loki to read')
  const to = values.to ?? meantStoreUrl(env)
  const fromLogin = { user: values['from-user'], token: values['from-token'] }
  const toLogin = { user: values['to-user'], token: values['to-token'] }
  if (fromLogin.user?.includes(':') === false) throw usage('--from-user takes NAME:PASS')
  // The environment has a login for the store that is written to, unless its URL has one.
  const toEnv = URL.canParse(to) && new URL(to).username !== '' ? {} : env
  const from = readLogin(fromLogin, {}, importUsage)
  const source = readServer('--from', values.from, values['from-tenant'], from)
  const target = readServer('--to', to, values['to-tenant'], readLogin(toLogin, toEnv, importUsage))
  const endNs =
    values.end === undefined ? BigInt(Date.now()) * nsPerMs : readTime('--end', values.end)
  const startNs =
    values.start === undefined
      ? endNs - readDuration('--since', values.since)
      : readTime('--start', values.start)
  if (startNs >= endNs) throw usage('the import ends before it begins')
  const windowNs = readDuration('--window', values.window)
  if (windowNs <= 0n) throw usage('--window takes a duration above 0')
  const pageEntries = Number(values.page)
  if (!Number.isInteger(pageEntries) || pageEntries <= 1) {
    throw usage(`--page takes a whole number above 1, not ${values.page}`)
  }
  const logFormat = logFormats.find(format => format === values['log.format'])
  if (!logFormat) throw usage(`--log.format takes logfmt or json, not ${values['log.format']}`)
  const { query, state: statePath } = values
  return { source, target, query, startNs, endNs, windowNs, pageEntries, statePath, logFormat }
}

function readServer(flag: string, url: string, tenant: string | undefined, login: Login): Server {
  const server = readServerAddress(url, tenant, login)
  if (!server) throw usage(`${flag} takes a URL, not ${wrongAddress(url)}`)
  return server
}

function readDuration(flag: string, text: string): bigint {
  try {
    return parsePrometheusDuration(text)
  } catch (cause) {
    throw usage(`${flag} takes a duration such as 1h or 30d: ${(cause as Error).message}`, {
      cause,
    })
  }
}

function readTime(flag: string, text: string): bigint {
  const ns = parseRfc3339(text)
  if (ns === undefined)
    throw usage(`${flag} takes a time such as 2026-05-01T00:00:00Z, not ${text}`)
  return ns
}

function usage(message: string, options: ErrorOptions = {}): UsageError {
  return new UsageError(message, { ...options, usage: importUsage })
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        from: text,
        to: text,
        'from-tenant': text,
        'to-tenant': text,
        'from-token': text,
        'from-user': text,
        'to-token': text,
        'to-user': text,
        start: text,
        end: text,
        since: { type: 'string', default: '30d' },
        window: { type: 'string', default: '1h' },
        query: { type: 'string', default: '' },
        page: { type: 'string', default: '5000' },
        state: { type: 'string', default: 'skald-import.json' },
        'log.format': { type: 'string', default: 'logfmt' },
      },
    })
  } catch (cause) {
    throw usage((cause as Error).message, { cause })
  }
}
