// The store's metrics, under Loki's names where they mean the same.

import type { ScanStats } from '@skald/query'
import { collectProcessMetrics } from '@skald/wire/process-metrics'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * What of a segment may be damaged. In the place of filters and counts, blocks are read, so this
 * costs time, never an answer. Answers lack damaged lines.
 */
export type DamagedThing = 'filters' | 'counts' | 'lines'

/** The metrics of one store, in a separate registry. */
export interface StoreMetrics {
  readonly registry: Registry
  readonly bytesReceived: Counter<'tenant'>
  readonly linesReceived: Counter<'tenant'>
  readonly discardedEntries: Counter<'reason' | 'tenant'>
  readonly discardedBytes: Counter<'reason' | 'tenant'>
  readonly mutatedEntries: Counter<'reason' | 'tenant'>
  readonly mutatedBytes: Counter<'reason' | 'tenant'>
  readonly overridesUsable: Gauge
  readonly requestSeconds: Histogram<'method' | 'route' | 'status_code'>
  readonly commits: Counter
  readonly commitBytes: Counter
  readonly retentionBytes: Counter<'tenant' | 'reason'>
  readonly deletesReceived: Counter<'user'>
  readonly deletesProcessed: Counter<'user'>
  readonly tailClients: Gauge
  readonly tailDropped: Counter
  readonly queryBlocks: Counter<'outcome'>
  /** Leaves and answers that got no memory. */
  readonly queriesRefused: Counter
  readonly filterFalseHits: Counter
  readonly damagedSegments: Readonly<Record<DamagedThing, Counter>>
  readonly segmentsSetAside: Counter
  readonly catalogRepairs: Counter
  readonly bucketRequests: Counter<'operation' | 'outcome'>
  readonly bucketBytes: Counter<'operation'>
  readonly compactions: Gauge
  readonly segments: Gauge<'level'>
  readonly segmentBytes: Gauge<'level'>
  readonly streams: Gauge
  readonly pendingPushBytes: Gauge
  readonly maxMemoryBytes: Gauge
  readonly queryMemoryBytes: Gauge
  readonly queriesWaiting: Gauge
  readonly cacheBytes: Gauge
  readonly catalogReachable: Gauge
  readonly liveReplicas: Gauge
  readonly diskFreeBytes: Gauge
  readonly diskTotalBytes: Gauge
  readonly minFreeBytes: Gauge
  readonly growth: Gauge<'tenant'>
  readonly fullIn: Gauge
  readonly labelValues: Gauge<'tenant' | 'label'>
}

/** Values of the gauges, read at every scrape of `/metrics`. */
export interface StoreState {
  readonly compactions: number
  readonly isCompacting: boolean
  readonly pendingPushBytes: number
  readonly memory: {
    /** `max_memory`; infinite without a limit. */
    readonly maxBytes: number
    /** What queries and their answers have reserved. */
    readonly queryBytes: number
    readonly queriesWaiting: number
  }
  readonly streams: number
  readonly levels: ReadonlyMap<number, { readonly segments: number; readonly bytes: number }>
  /** Bytes of segments on the disk that are in the bucket too. */
  readonly cacheBytes: number
  /** Whether the catalog could be reached at the last request. Always, if it is on the local disk. */
  readonly isCatalogReachable: boolean
  /** Number of replicas that were alive lately, this one included. 1 for a single store. */
  readonly liveReplicas: number
  readonly disk: {
    readonly freeBytes: number
    readonly totalBytes: number
    /** What retention keeps free. */
    readonly minFreeBytes: number
  }
  /** Bytes that each tenant writes a day. */
  readonly growth: readonly { readonly tenant: string; readonly bytesPerDay: number }[]
  /** Labels with very many values today. */
  readonly guiltyLabels: readonly {
    readonly tenant: string
    readonly label: string
    readonly values: number
  }[]
  /** Until the oldest day goes; `undefined` for never. */
  readonly fullInSeconds: number | undefined
}

/** Creates the metrics. Calls `readState` at every scrape. */
export function createStoreMetrics(readState: () => Promise<StoreState>): StoreMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectProcessMetrics(registry)
  // The gauges are collected at the same time, so they share one read.
  let refreshing: Promise<void> | undefined
  const collect = () => {
    refreshing ??= refresh().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }
  const gauges = createGauges(registers, collect)
  const refresh = async () => {
    const state = await readState()
    gauges.compacting.set(state.isCompacting ? 1 : 0)
    gauges.compactions.set(state.compactions)
    gauges.streams.set(state.streams)
    gauges.pendingPushBytes.set(state.pendingPushBytes)
    gauges.maxMemoryBytes.set(state.memory.maxBytes)
    gauges.queryMemoryBytes.set(state.memory.queryBytes)
    gauges.queriesWaiting.set(state.memory.queriesWaiting)
    gauges.cacheBytes.set(state.cacheBytes)
    gauges.catalogReachable.set(state.isCatalogReachable ? 1 : 0)
    gauges.liveReplicas.set(state.liveReplicas)
    gauges.diskFreeBytes.set(state.disk.freeBytes)
    gauges.diskTotalBytes.set(state.disk.totalBytes)
    gauges.minFreeBytes.set(state.disk.minFreeBytes)
    gauges.growth.reset()
    for (const { tenant, bytesPerDay } of state.growth) gauges.growth.set({ tenant }, bytesPerDay)
    gauges.labelValues.reset()
    for (const { tenant, label, values } of state.guiltyLabels)
      gauges.labelValues.set({ tenant, label }, values)
    gauges.fullIn.set(state.fullInSeconds ?? Number.POSITIVE_INFINITY)
    gauges.segments.reset()
    gauges.segmentBytes.reset()
    for (const [level, { segments, bytes }] of state.levels) {
      gauges.segments.set({ level }, segments)
      gauges.segmentBytes.set({ level }, bytes)
    }
  }
  return {
    registry,
    ...createInstruments(registers),
    ...createQueryInstruments(registers),
    ...gauges,
  }
}

/** What can become of a block that a query looked for, as in the label `outcome`. */
const outcomes: Readonly<Record<string, keyof ScanStats>> = {
  out_of_range: 'blocksOutOfRange',
  other_streams: 'blocksOfOtherStreams',
  deleted: 'blocksDeleted',
  filtered: 'blocksFiltered',
  counted: 'blocksCounted',
  from_counts: 'blocksFromCounts',
  beyond_limit: 'blocksBeyondLimit',
  scanned: 'blocksScanned',
}

/** Counts the work of a query. */
export function countWork(metrics: StoreMetrics, stats: ScanStats): void {
  for (const [outcome, name] of Object.entries(outcomes)) {
    if (stats[name] > 0) metrics.queryBlocks.inc({ outcome }, stats[name])
  }
  metrics.filterFalseHits.inc(stats.filterFalseHits)
}

function createInstruments(registers: Registry[]) {
  return {
    bytesReceived: new Counter({
      name: 'loki_distributor_bytes_received_total',
      help: 'Bytes of lines and structured metadata received',
      labelNames: ['tenant'],
      registers,
    }),
    linesReceived: new Counter({
      name: 'loki_distributor_lines_received_total',
      help: 'Lines received',
      labelNames: ['tenant'],
      registers,
    }),
    discardedEntries: new Counter({
      name: 'loki_discarded_samples_total',
      help: 'Entries rejected',
      labelNames: ['reason', 'tenant'],
      registers,
    }),
    discardedBytes: new Counter({
      name: 'loki_discarded_bytes_total',
      help: 'Line bytes of rejected entries',
      labelNames: ['reason', 'tenant'],
      registers,
    }),
    mutatedEntries: new Counter({
      name: 'loki_mutated_samples_total',
      help: 'Entries truncated before storing',
      labelNames: ['reason', 'tenant'],
      registers,
    }),
    mutatedBytes: new Counter({
      name: 'loki_mutated_bytes_total',
      help: 'Bytes truncated from lines',
      labelNames: ['reason', 'tenant'],
      registers,
    }),
    overridesUsable: new Gauge({
      name: 'loki_runtime_config_last_reload_successful',
      help: '1 if the overrides files were valid when last read',
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'loki_request_duration_seconds',
      help: 'Time spent on HTTP requests',
      labelNames: ['method', 'route', 'status_code'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100],
      registers,
    }),
    commits: new Counter({
      name: 'skald_commits_total',
      help: 'Level-0 segments made durable',
      registers,
    }),
    commitBytes: new Counter({
      name: 'skald_commit_bytes_total',
      help: 'Bytes of the level-0 segments made durable',
      registers,
    }),
    deletesReceived: new Counter({
      name: 'loki_compactor_delete_requests_received_total',
      help: 'Delete requests accepted',
      labelNames: ['user'],
      registers,
    }),
    deletesProcessed: new Counter({
      name: 'loki_compactor_delete_requests_processed_total',
      help: 'Delete requests whose entries are deleted',
      labelNames: ['user'],
      registers,
    }),
    tailClients: new Gauge({
      name: 'skald_tail_clients',
      help: 'Open live tails',
      registers,
    }),
    tailDropped: new Counter({
      name: 'skald_tail_dropped_entries_total',
      help: 'Entries dropped because tail clients were too slow',
      registers,
    }),
  }
}

function createQueryInstruments(registers: Registry[]) {
  const queryBlocks = new Counter({
    name: 'skald_query_blocks_total',
    help: 'Blocks that queries looked for, by what became of them',
    labelNames: ['outcome'],
    registers,
  })
  for (const outcome of Object.keys(outcomes)) queryBlocks.inc({ outcome }, 0)
  return {
    queryBlocks,
    segmentsSetAside: new Counter({
      name: 'skald_quarantined_segments_total',
      help: 'Damaged segments that compaction kept in the quarantine directory',
      registers,
    }),
    bucketRequests: new Counter({
      name: 'skald_bucket_requests_total',
      help: 'Requests to the bucket, repeated ones included',
      labelNames: ['operation', 'outcome'],
      registers,
    }),
    bucketBytes: new Counter({
      name: 'skald_bucket_bytes_total',
      help: 'Bytes written to the bucket (put) and read from it (get)',
      labelNames: ['operation'],
      registers,
    }),
    catalogRepairs: new Counter({
      name: 'skald_catalog_repairs_total',
      help: 'Records of the catalog that did not fit their segments and were written again',
      registers,
    }),
    queriesRefused: new Counter({
      name: 'skald_queries_refused_total',
      help: 'Parts of queries that were refused or ended because of max_memory',
      registers,
    }),
    filterFalseHits: new Counter({
      name: 'skald_filter_false_hits_total',
      help: 'Blocks scanned because of their filter, without a line for the query',
      registers,
    }),
    damagedSegments: {
      filters: new Counter({
        name: 'skald_damaged_filter_segments_total',
        help: 'Segments found with damaged filters',
        registers,
      }),
      lines: new Counter({
        name: 'skald_damaged_segments_total',
        help: 'Segments found missing, or with damage that lines are lost by',
        registers,
      }),
      counts: new Counter({
        name: 'skald_damaged_count_segments_total',
        help: 'Segments found with damaged counts',
        registers,
      }),
    },
  }
}

function createGauges(registers: Registry[], collect: () => Promise<void>) {
  return {
    ...createSpaceInstruments(registers, collect),
    compactions: new Gauge({
      name: 'skald_compactions_total',
      help: 'Merges of segments completed',
      registers,
      collect,
    }),
    segments: new Gauge({
      name: 'skald_segments',
      help: 'Segments by level',
      labelNames: ['level'],
      registers,
      collect,
    }),
    segmentBytes: new Gauge({
      name: 'skald_segment_bytes',
      help: 'Bytes of segments by level',
      labelNames: ['level'],
      registers,
      collect,
    }),
    streams: new Gauge({
      name: 'skald_streams',
      help: 'Streams in the catalog',
      registers,
      collect,
    }),
    pendingPushBytes: new Gauge({
      name: 'skald_pending_push_bytes',
      help: 'Bytes of pushes being received, decoded or committed',
      registers,
      collect,
    }),
    maxMemoryBytes: new Gauge({
      name: 'skald_max_memory_bytes',
      help: 'Resident memory that the process may take, from max_memory; +Inf without a limit',
      registers,
      collect,
    }),
    queryMemoryBytes: new Gauge({
      name: 'skald_query_memory_bytes',
      help: 'Memory that queries and their answers have reserved',
      registers,
      collect,
    }),
    queriesWaiting: new Gauge({
      name: 'skald_queries_waiting',
      help: 'Parts of queries that wait for memory',
      registers,
      collect,
    }),
    compacting: new Gauge({
      name: 'skald_compaction_running',
      help: '1 while segments are being merged',
      registers,
      collect,
    }),
  }
}

function createSpaceInstruments(registers: Registry[], collect: () => Promise<void>) {
  return {
    retentionBytes: new Counter({
      name: 'skald_space_retention_bytes_total',
      help: 'Bytes of segments deleted because of retention_max_bytes or retention_min_free_bytes',
      labelNames: ['tenant', 'reason'],
      registers,
    }),
    cacheBytes: new Gauge({
      name: 'skald_bucket_cache_bytes',
      help: 'Bytes of segments on the disk that are in the bucket, or wait for their upload',
      registers,
      collect,
    }),
    catalogReachable: new Gauge({
      name: 'skald_catalog_reachable',
      help: 'Whether the catalog can be reached: 0 while a replica has no answer from PostgreSQL',
      registers,
      collect,
    }),
    liveReplicas: new Gauge({
      name: 'skald_live_replicas',
      help: 'Number of stores that share the bucket, this one included; rates of tenants are divided by it',
      registers,
      collect,
    }),
    diskFreeBytes: new Gauge({
      name: 'skald_disk_free_bytes',
      help: 'Free bytes of the file system that holds the segments',
      registers,
      collect,
    }),
    diskTotalBytes: new Gauge({
      name: 'skald_disk_bytes',
      help: 'Size of the file system that holds the segments',
      registers,
      collect,
    }),
    minFreeBytes: new Gauge({
      name: 'skald_retention_min_free_bytes',
      help: 'Free bytes below which the oldest day is deleted; 0 if that is turned off',
      registers,
      collect,
    }),
    growth: new Gauge({
      name: 'skald_growth_bytes_per_day',
      help: 'Bytes of segments that a tenant writes a day, from its recent days',
      labelNames: ['tenant'],
      registers,
      collect,
    }),
    labelValues: new Gauge({
      name: 'skald_label_values',
      help: 'Values today of the labels that have very many of them',
      labelNames: ['tenant', 'label'],
      registers,
      collect,
    }),
    fullIn: new Gauge({
      name: 'skald_full_in_seconds',
      help: 'Time until the oldest day is deleted for size or free space; +Inf for never',
      registers,
      collect,
    }),
  }
}
