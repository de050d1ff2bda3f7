// The agent's metrics, in a separate registry. Metrics with the same meaning have Promtail's names.

import { collectProcessMetrics } from '@skald/wire/process-metrics'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { systemClocks } from '../clocks.ts'
import type { CustomMetrics } from './custom-metrics.ts'
import { createCustomMetrics } from './custom-metrics.ts'
import { type LaneCounter, SharedCounter } from './shared-counter.ts'

/** Why a line was dropped or cut on its way to a server. */
export const dropReasons = [
  'ingester_error',
  'rate_limited',
  'stream_limited',
  'line_too_long',
] as const
export type DropReason = (typeof dropReasons)[number]

interface Amount {
  readonly bytes: number
  readonly entries: number
}

/** Counters of one client. */
export interface ClientMetrics {
  startTenant(tenant: string): void
  countEncoded(bytes: number): void
  countSent(bytes: number, entries: number): void
  countDropped(tenant: string, reason: DropReason, amount: Amount): void
  countMutated(tenant: string, reason: DropReason, amount: Amount): void
  countRetry(tenant: string): void
  /** Sets the bytes of batches waiting on disk. */
  setStored(bytes: number): void
  observeRequest(status: number, seconds: number): void
}

/** Counters of one file. */
export interface FileMetrics {
  countLines(lines: number): void
  setBytes(bytes: { readonly read: number; readonly size: number }): void
  remove(): void
}

/**
 * Counters for work that each lane repeats. Each piece of work counts once, when the first lane does it.
 */
export interface LaneMetrics {
  readonly droppedLines: LaneCounter
  readonly droppedLinesByLabel: LaneCounter
  readonly targetsFailed: LaneCounter
  readonly dockerEntries: LaneCounter
  readonly dockerParsingErrors: LaneCounter
  readonly journalLines: LaneCounter
  readonly journalErrors: LaneCounter
  readonly windowsEventErrors: LaneCounter
  readonly lostBytes: LaneCounter
  readonly rewrittenFiles: LaneCounter
  readonly customMetrics: CustomMetrics
  /** Each lane holds its own files. */
  readonly unheldBytes: { inc(bytes: number): void }
  setFilesActive(count: number): void
  /** Makes the counters of one file. Call `remove` when it is no longer read. */
  forFile(path: string): FileMetrics
  /** Ends the lane's counting. */
  end(): void
}

/** A file's numbers. */
interface FileBytes {
  /** How far each lane has read. */
  readonly read: Map<string, number>
  /** Absent until the file was checked. */
  size: number | undefined
}

/** All metrics of one agent. */
export class AgentMetrics {
  readonly registry = new Registry()
  readonly #customMetrics = createCustomMetrics(this.registry, systemClocks.nowMs)
  readonly #filesActive = this.#gauge('promtail_files_active_total', 'Number of files being read.')
  readonly #filesActiveByLane = new Map<string, number>()
  readonly targetsActive = this.#gauge('promtail_targets_active_total', 'Number of active targets.')
  readonly droppedLines = this.#counter(
    'logentry_dropped_lines_total',
    'Lines dropped by pipeline stages, by reason.',
    ['reason'],
  )
  readonly #droppedLinesByLabel = this.#sharedCounter(
    'logentry_dropped_lines_by_label_total',
    'Lines dropped by a limit for each label value.',
    ['label_name', 'label_value'],
  )
  readonly targetsFailed = this.#counter(
    'promtail_targets_failed_total',
    'Targets that are not read, by reason.',
    ['reason'],
  )
  readonly fileDiscoveryErrors = this.#counter(
    'prometheus_sd_file_read_errors_total',
    'Files of file_sd_configs that could not be read.',
    [],
  )
  readonly kubernetesEvents = this.#counter(
    'prometheus_sd_kubernetes_events_total',
    'Changes of Kubernetes objects.',
    ['role', 'event'],
  )
  readonly kubernetesFailures = this.#counter(
    'prometheus_sd_kubernetes_failures_total',
    'Failed requests to the Kubernetes API server.',
    ['role'],
  )
  readonly zookeeperFailures = this.#counter(
    'prometheus_treecache_zookeeper_failures_total',
    'Sessions with ZooKeeper that failed to open, or ended.',
    [],
  )
  readonly #dockerEntries = this.#sharedCounter(
    'promtail_docker_target_entries_total',
    'Lines of containers found through Docker.',
    [],
  )
  readonly #dockerParsingErrors = this.#sharedCounter(
    'promtail_docker_target_parsing_errors_total',
    'Malformed records in the logs of containers.',
    [],
  )
  readonly reloadSuccesses = this.#counter(
    'promtail_config_reload_success_total',
    'Reloads of the configuration that succeeded.',
    [],
  )
  readonly reloadFailures = this.#counter(
    'promtail_config_reload_fail_total',
    'Reloads of the configuration that failed and left the old one in force.',
    [],
  )
  readonly configMistakes = this.#gauge(
    'skald_agent_config_mistakes',
    'Parts of the configuration left out at the start because of a mistake.',
  )
  readonly syslogEntries = this.#counter(
    'promtail_syslog_target_entries_total',
    'Messages accepted by syslog sources.',
    [],
  )
  readonly syslogParsingErrors = this.#counter(
    'promtail_syslog_target_parsing_errors_total',
    'Invalid messages sent to syslog sources.',
    [],
  )
  readonly syslogEmptyMessages = this.#counter(
    'promtail_syslog_empty_messages_total',
    'Messages without a text sent to syslog sources.',
    [],
  )
  readonly #journalLines = this.#sharedCounter(
    'promtail_journal_target_lines_total',
    'Entries read from the journal.',
    [],
  )
  readonly #journalErrors = this.#sharedCounter(
    'promtail_journal_target_parsing_errors_total',
    'Journal entries not sent, by reason.',
    ['error'],
  )
  readonly #windowsEventErrors = this.#sharedCounter(
    'skald_agent_windows_event_errors_total',
    'Windows events not sent, or sent only in part, by reason.',
    ['error'],
  )
  readonly gelfEntries = this.#counter(
    'promtail_gelf_target_entries_total',
    'Messages accepted by GELF sources.',
    [],
  )
  readonly gelfParsingErrors = this.#counter(
    'promtail_gelf_target_parsing_errors_total',
    'Invalid datagrams sent to GELF sources.',
    [],
  )
  readonly #lostBytes = this.#sharedCounter(
    'skald_agent_lost_bytes_total',
    'Bytes that disappeared before they were read.',
    [],
  )
  readonly #rewrittenFiles = this.#sharedCounter(
    'skald_agent_rewritten_files_total',
    'Files overwritten in place, and read again from the start.',
    [],
  )
  readonly #unheldBytes = this.#gauge(
    'skald_agent_unheld_bytes',
    'Unread bytes of rotated files that are not held open; lost if the files are deleted.',
  )
  /** Called at each scrape: how far the servers are behind each file. */
  lags: () => ReadonlyMap<string, { readonly bytes: number; readonly seconds: number }> = () =>
    new Map()
  /** Called at each scrape: which jobs without files are receiving lines. */
  sourceStates: () => readonly { readonly job: string; readonly isReady: boolean }[] = () => []
  readonly gapMarkers = this.#counter(
    'skald_agent_gap_markers_total',
    'Markers sent for lines that are missing, by reason.',
    ['kind'],
  )
  readonly #encodedBytes = this.#counter(
    'promtail_encoded_bytes_total',
    'Bytes of encoded and compressed batches.',
    ['host'],
  )
  readonly #sentBytes = this.#counter('promtail_sent_bytes_total', 'Bytes taken by the server.', [
    'host',
  ])
  readonly #sentEntries = this.#counter(
    'promtail_sent_entries_total',
    'Entries accepted by the server.',
    ['host'],
  )
  readonly #droppedBytes = this.#tenantCounter('promtail_dropped_bytes_total', 'Bytes dropped.')
  readonly #droppedEntries = this.#tenantCounter(
    'promtail_dropped_entries_total',
    'Entries dropped.',
  )
  readonly #mutatedBytes = this.#tenantCounter('promtail_mutated_bytes_total', 'Bytes cut off.')
  readonly #mutatedEntries = this.#tenantCounter('promtail_mutated_entries_total', 'Entries cut.')
  readonly #retries = this.#counter('promtail_batch_retries_total', 'Failed attempts to send.', [
    'host',
    'tenant',
  ])
  readonly #storedBytes = this.#gauge(
    'skald_agent_wal_bytes',
    'Bytes of batches waiting on disk for their server.',
    ['host'],
  )
  readonly #requests = new Histogram({
    name: 'promtail_request_duration_seconds',
    help: 'Duration of push requests; status -1 means no answer.',
    labelNames: ['status_code', 'host'],
    registers: [this.registry],
  })
  readonly #readLines = this.#sharedCounter('promtail_read_lines_total', 'Lines read of a file.', [
    'path',
  ])
  readonly #droppedLines = new SharedCounter(this.droppedLines)
  readonly #targetsFailed = new SharedCounter(this.targetsFailed)
  /** By path. */
  readonly #files = new Map<string, FileBytes>()

  constructor(options: { readonly version: string; readonly withProcess?: boolean }) {
    const build = this.#gauge('promtail_build_info', 'Version of the agent, value 1.', [
      ...['version', 'revision', 'branch', 'goversion', 'goos', 'goarch', 'tags'],
    ])
    const empty = { revision: '', branch: '', goversion: '', tags: '' }
    const { platform, arch } = process
    build.set({ version: options.version, ...empty, goos: platform, goarch: arch }, 1)
    this.#registerSources()
    this.#registerBytes('read', 'Bytes read of a file.', ({ read }) => Math.max(...read.values()))
    this.#registerBytes('file', 'Size of a file.', ({ size }) => size)
    this.#registerLag('bytes', 'Bytes of a file that a server has not taken yet.')
    this.#registerLag('seconds', 'Age of the first byte of a file that a server has not taken yet.')
    for (const reason of ['dropped', 'wrong_host', 'no_path', 'exists', 'error']) {
      this.targetsFailed.inc({ reason }, 0)
    }
    this.#filesActive.set(0)
    this.targetsActive.set(0)
    if (options.withProcess) collectProcessMetrics(this.registry)
  }

  /** Makes the counters of one client. `host` is the host and port of its URL. */
  forClient(host: string): ClientMetrics {
    const tenants = new Set<string>()
    return {
      startTenant: tenant => {
        if (tenants.has(tenant)) return
        tenants.add(tenant)
        this.#encodedBytes.inc({ host }, 0)
        this.#sentBytes.inc({ host }, 0)
        this.#sentEntries.inc({ host }, 0)
        this.#retries.inc({ host, tenant }, 0)
        for (const reason of dropReasons) {
          this.#droppedBytes.inc({ host, tenant, reason }, 0)
          this.#droppedEntries.inc({ host, tenant, reason }, 0)
          this.#mutatedBytes.inc({ host, tenant, reason }, 0)
          this.#mutatedEntries.inc({ host, tenant, reason }, 0)
        }
      },
      countEncoded: bytes => this.#encodedBytes.inc({ host }, bytes),
      countSent: (bytes, entries) => {
        this.#sentBytes.inc({ host }, bytes)
        this.#sentEntries.inc({ host }, entries)
      },
      countDropped: (tenant, reason, { bytes, entries }) => {
        this.#droppedBytes.inc({ host, tenant, reason }, bytes)
        this.#droppedEntries.inc({ host, tenant, reason }, entries)
      },
      countMutated: (tenant, reason, { bytes, entries }) => {
        this.#mutatedBytes.inc({ host, tenant, reason }, bytes)
        this.#mutatedEntries.inc({ host, tenant, reason }, entries)
      },
      countRetry: tenant => this.#retries.inc({ host, tenant }),
      setStored: bytes => this.#storedBytes.set({ host }, bytes),
      observeRequest: (status, seconds) =>
        this.#requests.observe({ status_code: String(status), host }, seconds),
    }
  }

  /** Makes the counters of one lane, named to distinguish it from the others. */
  forLane(lane: string): LaneMetrics {
    const shared = {
      droppedLines: this.#droppedLines,
      droppedLinesByLabel: this.#droppedLinesByLabel,
      targetsFailed: this.#targetsFailed,
      dockerEntries: this.#dockerEntries,
      dockerParsingErrors: this.#dockerParsingErrors,
      journalLines: this.#journalLines,
      journalErrors: this.#journalErrors,
      windowsEventErrors: this.#windowsEventErrors,
      lostBytes: this.#lostBytes,
      rewrittenFiles: this.#rewrittenFiles,
    }
    const counters = Object.entries(shared).map(([name, counter]) => [name, counter.forLane(lane)])
    return {
      ...(Object.fromEntries(counters) as Record<keyof typeof shared, LaneCounter>),
      customMetrics: this.#customMetrics.forLane(lane),
      unheldBytes: this.#unheldBytes,
      setFilesActive: count => {
        this.#filesActiveByLane.set(lane, count)
        this.#showFilesActive()
      },
      forFile: path => this.#forFile(path, lane),
      end: () => {
        for (const counter of Object.values(shared)) counter.endLane(lane)
        this.#readLines.endLane(lane)
        this.#customMetrics.endLane(lane)
        this.#filesActiveByLane.delete(lane)
        this.#showFilesActive()
      },
    }
  }

  #showFilesActive(): void {
    this.#filesActive.set(Math.max(0, ...this.#filesActiveByLane.values()))
  }

  #forFile(path: string, lane: string): FileMetrics {
    const lines = this.#readLines.forLane(lane)
    const file = this.#files.get(path) ?? { read: new Map<string, number>(), size: undefined }
    this.#files.set(path, file)
    file.read.set(lane, file.read.get(lane) ?? 0)
    lines.inc({ path }, 0)
    return {
      countLines: count => lines.inc({ path }, count),
      setBytes: ({ read, size }) => {
        file.read.set(lane, read)
        file.size = size
      },
      remove: () => {
        file.read.delete(lane)
        if (file.read.size > 0) return
        this.#files.delete(path)
        this.#readLines.remove({ path })
      },
    }
  }

  /** Adds a gauge that asks for its values when it is read: they change with every check of a file. */
  #registerBytes(
    what: 'read' | 'file',
    help: string,
    bytesOf: (file: FileBytes) => number | undefined,
  ): void {
    const files = this.#files
    new Gauge({
      ...{ name: `promtail_${what}_bytes_total`, help, labelNames: ['path'] },
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [path, file] of files) {
          const value = file.size === undefined ? undefined : bytesOf(file)
          if (value !== undefined) this.set({ path }, value)
        }
      },
    })
  }

  #registerLag(unit: 'bytes' | 'seconds', help: string): void {
    const lags = () => this.lags()
    new Gauge({
      ...{ name: `skald_agent_file_lag_${unit}`, help, labelNames: ['path'] },
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [path, lag] of lags()) this.set({ path }, lag[unit])
      },
    })
  }

  #registerSources(): void {
    const states = () => this.sourceStates()
    new Gauge({
      name: 'skald_agent_source_ready',
      help: 'Whether a job without files can take lines; 0 while it could not start.',
      labelNames: ['job'],
      registers: [this.registry],
      collect() {
        this.reset()
        const found = states()
        for (const { job } of found) {
          this.set({ job }, found.every(state => state.job !== job || state.isReady) ? 1 : 0)
        }
      },
    })
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] })
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #sharedCounter(name: string, help: string, labelNames: string[]): SharedCounter {
    return new SharedCounter(this.#counter(name, help, labelNames))
  }

  #tenantCounter(name: string, help: string): Counter {
    return this.#counter(name, help, ['host', 'tenant', 'reason'])
  }
}
