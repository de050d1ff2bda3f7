// Loads the configuration: Promtail's YAML, read strictly, with defaults and flags applied. Reports all
// unknown keys and wrong values at once, each with its line. Accepts Promtail keys that have no effect
// here, and refuses unsupported ones by name.

import {
  ConfigError,
  type ConfigProblem,
  defined,
  expandEnvironment,
  expansionNotes,
  formatProblem,
  isOtherProgram,
  parseYaml,
  readBoolean,
  readBytes,
  readCount,
  readDurationMs,
  readNumber,
  readPeriodMs,
  readText,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { type FlagValues, formatDurationMs } from '@skald/go-dialect'
import type {
  AgentConfig,
  FileWatchConfig,
  LimitsConfig,
  PositionsConfig,
  TargetConfig,
} from './agent-config.ts'
import { type ClientConfig, readClients, readSingleClient } from './clients.ts'
import { applyFlags } from './flags.ts'
import { loadScrapeReader, type ScrapeConfig } from './scrape.ts'
import { readServer } from './server.ts'

export interface LoadAgentConfigOptions {
  readonly text: string
  /** Where the text came from, for messages. */
  readonly path: string
  readonly expandEnv?: boolean
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly flags?: FlagValues
  /**
   * Refuses the configuration for any mistake. For callers that lose nothing by that, such as a check or a
   * reload.
   */
  readonly isStrict?: boolean
  /** Also checks whether the jobs could start on this machine now; adds a doubt for each that could not. */
  readonly probesJobs?: boolean
}

/**
 * Reads a configuration and loads the kinds of stages, discovery and sources it names. A mistake that
 * disables one stage, target or job leaves out only that part, so the other jobs still start. If no job is
 * free of mistakes, or `isStrict` is set, such a mistake refuses the whole configuration.
 *
 * @throws ConfigError with every mistake found.
 */
export async function loadAgentConfig(options: LoadAgentConfigOptions): Promise<AgentConfig> {
  const { path, env = {}, flags = {} } = options
  const expanded = options.expandEnv ? expandEnvironment(options.text, env) : undefined
  const text = expanded ?? options.text
  const { root, problems } = parseYaml(text)
  const isReadable = problems.length === 0 && !isOtherProgram(root, 'agent')
  const sections = isReadable
    ? await readSections(root, { env, readsStdin: flags.stdin === 'true' })
    : {}
  const written = applyFlags(build(sections, text), flags, problems)
  const config = { ...written, clients: withProxies(written.clients, env) }
  if (isReadable) checkWhole(config, root, problems)
  const found = problems.map(expansionNotes(options.text, expanded))
  const sorted = found.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const goesOn = !options.isStrict && config.scrapeConfigs.some(job => job.isSound)
  if (sorted.some(({ isContained = false }) => !isContained || !goesOn)) {
    throw new ConfigError({ path, problems: sorted })
  }
  const tell = (problem: ConfigProblem) => formatProblem(path, problem)
  const doubts = options.probesJobs ? await probeJobs(config.scrapeConfigs) : []
  return { ...config, leftOut: sorted.map(tell), doubts: doubts.map(tell) }
}

/** Finds jobs that could not start here and now. The agent keeps retrying them. */
async function probeJobs(jobs: readonly ScrapeConfig[]): Promise<ConfigProblem[]> {
  const doubts = await Promise.all(
    jobs.map(async ({ jobName, line, source }): Promise<ConfigProblem[]> => {
      const why = await source?.probe?.()
      if (why === undefined) return []
      return [
        { line, column: 1, message: `Job ${jobName} cannot start on this machine now: ${why}` },
      ]
    }),
  )
  return doubts.flat()
}

const readFilename: ValueReader<string> = cursor => {
  const text = readText(cursor)
  return text === '' ? cursor.failAtKey(`${cursor.name} must name the positions file`) : text
}

const readPositions: ValueReader<Partial<PositionsConfig>> = cursor => {
  const raw = cursor.record({
    filename: readFilename,
    sync_period: readPeriodMs,
    ignore_invalid_yaml: readBoolean,
  })
  return defined({
    filename: raw.filename,
    syncPeriodMs: raw.sync_period,
    ignoresInvalidYaml: raw.ignore_invalid_yaml,
  })
}

const readTarget: ValueReader<Partial<TargetConfig>> = cursor => {
  const raw = cursor.record({
    sync_period: readPeriodMs,
    stdin: readBoolean,
    read_files_once: readBoolean,
  })
  return defined({ syncPeriodMs: raw.sync_period, readsFilesOnce: raw.read_files_once })
}

const readLimits: ValueReader<Partial<LimitsConfig>> = cursor => {
  const raw = cursor.record({
    readline_rate_enabled: readBoolean,
    readline_rate: readNumber,
    readline_burst: readCount,
    readline_rate_drop: readBoolean,
    max_streams: readCount,
    max_line_size: readBytes,
    max_line_size_truncate: readBoolean,
    gap_markers: readBoolean,
  })
  return defined({
    isLineRateLimited: raw.readline_rate_enabled,
    linesPerSecond: raw.readline_rate,
    lineBurst: raw.readline_burst,
    dropsOverRate: raw.readline_rate_drop,
    streamsMax: raw.max_streams,
    lineBytesMax: raw.max_line_size,
    truncatesLines: raw.max_line_size_truncate,
    marksGaps: raw.gap_markers,
  })
}

const readGlobal: ValueReader<Partial<FileWatchConfig>> = cursor => {
  const raw = cursor.record({ file_watch_config: readFileWatch })
  return raw.file_watch_config ?? {}
}

const readFileWatch: ValueReader<Partial<FileWatchConfig>> = cursor => {
  const raw = cursor.record({
    min_poll_frequency: readDurationMs,
    max_poll_frequency: readDurationMs,
  })
  const { min_poll_frequency: min = defaults.fileWatch.minPollMs, max_poll_frequency: max } = raw
  if (max !== undefined && max < min) {
    cursor
      .get('max_poll_frequency')
      ?.failAtKey(
        `${cursor.name}.max_poll_frequency (${formatDurationMs(max)}) must not be below min_poll_frequency (${formatDurationMs(min)})`,
      )
  }
  return { minPollMs: min, maxPollMs: max ?? Math.max(min, defaults.fileWatch.maxPollMs) }
}

const sectionReaders = {
  server: readServer,
  client: readSingleClient,
  clients: readClients,
  positions: readPositions,
  target_config: readTarget,
  limits_config: readLimits,
  global: readGlobal,
  options: (cursor: YamlCursor) => cursor.record({}),
  tracing: (cursor: YamlCursor) =>
    cursor.record({ enabled: readBoolean, profiling_enabled: readBoolean }),
  wal: (cursor: YamlCursor) => {
    const raw = cursor.record({
      enabled: readBoolean,
      dir: readText,
      max_size: readBytes,
      // Nothing is deleted because of its age: what is buffered has not been delivered yet.
      cleanSegmentsOlderThan: readDurationMs,
      watchConfig: cursor =>
        cursor.record({ minReadFrequency: readDurationMs, maxReadFrequency: readDurationMs }),
    })
    return defined({ isEnabled: raw.enabled, dir: raw.dir, bytesMax: raw.max_size })
  },
}

const defaults = {
  server: {
    isDisabled: false,
    httpListenAddress: '',
    httpListenPort: 80,
    httpPathPrefix: '',
    logLevel: 'info',
    logFormat: 'logfmt',
    checksHealth: true,
    enablesReload: false,
    enablesProfiling: false,
  },
  positions: {
    filename: '/var/log/positions.yaml',
    syncPeriodMs: 10_000,
    ignoresInvalidYaml: false,
  },
  target: { syncPeriodMs: 10_000, readsFilesOnce: false },
  limits: {
    isLineRateLimited: false,
    linesPerSecond: 10_000,
    lineBurst: 10_000,
    dropsOverRate: true,
    streamsMax: 0,
    lineBytesMax: 0,
    truncatesLines: false,
    marksGaps: true,
  },
  fileWatch: { minPollMs: 250, maxPollMs: 250 },
  wal: { isEnabled: false, dir: '', bytesMax: 1024 * 1024 * 1024 },
} as const satisfies Partial<AgentConfig>

type Sections = Awaited<ReturnType<typeof readSections>>

async function readSections(root: YamlCursor, options: Parameters<typeof loadScrapeReader>[1]) {
  return root.record({ ...sectionReaders, scrape_configs: await loadScrapeReader(root, options) })
}

function build(sections: Sections, text: string): AgentConfig {
  return {
    server: { ...defaults.server, ...sections.server },
    clients: clientsOf(sections),
    positions: { ...defaults.positions, ...sections.positions },
    target: { ...defaults.target, ...sections.target_config },
    limits: { ...defaults.limits, ...sections.limits_config },
    fileWatch: { ...defaults.fileWatch, ...sections.global },
    wal: { ...defaults.wal, ...sections.wal },
    scrapeConfigs: sections.scrape_configs ?? [],
    leftOut: [],
    doubts: [],
    text,
  }
}

function clientsOf({ client: single, clients = [] }: Sections): readonly ClientConfig[] {
  const labelled = clients.map(client => ({
    ...client,
    externalLabels: new Map([...(single?.externalLabels ?? []), ...client.externalLabels]),
  }))
  return single?.client ? [single.client, ...labelled] : labelled
}

/** Adds the proxies named by the environment to the clients. */
function withProxies(
  clients: readonly ClientConfig[],
  env: NonNullable<LoadAgentConfigOptions['env']>,
): readonly ClientConfig[] {
  const proxy: Record<string, string> = {}
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']) {
    const value = env[name.toLowerCase()] ?? env[name]
    if (value !== undefined) proxy[name] = value
  }
  return clients.map(client =>
    client.takesProxyOfEnvironment
      ? { ...client, transport: { ...client.transport, proxy } }
      : client,
  )
}

/** Checks what concerns several parts of the configuration. */
function checkWhole(config: AgentConfig, root: YamlCursor, problems: ConfigProblem[]): void {
  // A client that cannot be used has already been reported.
  const items = root.get('clients')?.items() ?? []
  if (config.clients.length === 0 && items.length === 0) {
    const message =
      'At least one client is required: add a clients list with the url to push to, or -client.url'
    const place = root.get('clients') ?? root.get('client')
    problems.push({ line: place?.line ?? 1, column: 1, message })
  }
  const seen = new Set<string>()
  for (const client of config.clients) {
    const name = client.name ?? client.identity
    if (seen.has(name)) {
      const { line, column } = client.place
      const message = `duplicate client ${client.name ?? client.transport.url.href}: two clients need different names or settings`
      problems.push({ line, column, message })
    }
    seen.add(name)
  }
}
