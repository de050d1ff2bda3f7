// The store's YAML, as a schema: Loki's keys where the meaning is the same. From it come the types,
// the defaults, the checks and the description of every key.

// The schema is written as JSON Schema itself, and only its types come from the library: loading it
// took a third of the time a store needs to start.

import type { XStatic } from 'typebox/schema'
import { defaultLogLevelFields } from './ingest/detected-level.ts'
import type { OtlpConfig } from './ingest/otlp-actions.ts'
import { defaultServiceNameLabels } from './ingest/stream-labels.ts'

/** A block: every key is required once the defaults are filled in, and no other is known. */
function block<Properties extends object>(properties: Properties) {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties) as (keyof Properties & string)[],
    additionalProperties: false,
    default: {},
  } as const
}

function text(description: string, value: string) {
  return { type: 'string', description, default: value } as const
}

function texts(description: string, value: readonly string[]) {
  return { type: 'array', items: { type: 'string' }, description, default: value } as const
}

function flag(description: string, value: boolean) {
  return { type: 'boolean', description, default: value } as const
}

/** One of several texts, the first of them by default. */
function oneOf<const Choice extends string>(
  description: string,
  choices: readonly [Choice, ...Choice[]],
) {
  return { enum: choices, description, default: choices[0] } as const
}

function count(description: string, value: number) {
  return { type: 'integer', description, default: value, minimum: 0 } as const
}

/** Go or Prometheus duration; 0 switches off what it bounds. */
function duration(description: string, value: string) {
  return { anyOf: [{ type: 'string' }, { const: 0 }], description, default: value } as const
}

/** Bytes with a unit of 1024s, or a plain number. */
function bytes(description: string, value: string) {
  const anyOf = [{ type: 'string' }, { type: 'integer', minimum: 0 }] as const
  return { anyOf, description, default: value } as const
}

/** Megabytes, or nothing where the limit depends on whether there are tenants. */
function optionalMegabytes(description: string) {
  const anyOf = [{ type: 'number', minimum: 0 }, { type: 'null' }] as const
  return { anyOf, description, default: null } as const
}

/** Bytes with a unit, or nothing where the limit depends on whether there are tenants. */
function optionalBytes(description: string) {
  const anyOf = [{ type: 'string' }, { type: 'integer', minimum: 0 }, { type: 'null' }] as const
  return { anyOf, description, default: null } as const
}

/** Keys of Loki's that are accepted and have no effect here. */
function withIgnored<Schema extends { readonly properties: object }>(
  schema: Schema,
  names: readonly string[],
): Schema {
  const ignored = { description: 'Accepted, without effect.' }
  // Not in the type, so that no code can read what has no effect.
  const properties = { ...schema.properties, ...Object.fromEntries(names.map(n => [n, ignored])) }
  return { ...schema, properties }
}

const ignoredServerKeys = [
  'grpc_listen_address',
  'grpc_listen_port',
  'grpc_listen_network',
  'grpc_server_max_recv_msg_size',
  'grpc_server_max_send_msg_size',
  'grpc_server_max_concurrent_streams',
  'grpc_server_max_connection_age',
  'grpc_server_max_connection_age_grace',
  'grpc_server_max_connection_idle',
  'grpc_server_keepalive_time',
  'grpc_server_keepalive_timeout',
  'grpc_server_min_time_between_pings',
  'grpc_server_ping_without_stream_allowed',
  'http_listen_network',
  'http_listen_conn_limit',
  'http_server_write_timeout',
  'http_server_idle_timeout',
  'graceful_shutdown_timeout',
  'register_instrumentation',
  'log_request_at_info_level_enabled',
  'log_source_ips_enabled',
] as const

const ignoredCommonKeys = [
  'replication_factor',
  'ring',
  'storage',
  'instance_addr',
  'instance_interface_names',
  'compactor_address',
  'compactor_grpc_address',
  'persist_tokens',
] as const

const ignoredLimitKeys = [
  'allow_deletes',
  'cardinality_limit',
  'increment_duplicate_timestamp',
  'ingestion_rate_strategy',
  'max_cache_freshness_per_query',
  'max_chunks_per_query',
  'max_querier_bytes_read',
  'max_query_parallelism',
  'max_queriers_per_tenant',
  'metric_aggregation_enabled',
  'pattern_ingester_tokenizable_json_fields_default',
  'shard_aggregations',
  'shard_streams',
  'split_instant_metric_queries_by_interval',
  'split_metadata_queries_by_interval',
  'split_recent_metadata_queries_by_interval',
  'tsdb_max_query_parallelism',
  'unordered_writes',
] as const

/** Whole blocks of a Loki configuration that have no meaning for one process without a ring. */
const ignoredBlocks = [
  'analytics',
  'bloom_build',
  'bloom_gateway',
  'chunk_store_config',
  'distributor',
  'frontend',
  'frontend_worker',
  'index_gateway',
  'ingester',
  'ingester_client',
  'memberlist',
  'metrics_namespace',
  'operational_config',
  'pattern_ingester',
  'querier',
  'query_range',
  'query_scheduler',
  'ruler',
  'schema_config',
  'storage_config',
  'table_manager',
  'tracing',
  'ui',
] as const

const serverSchema = withIgnored(
  block({
    http_listen_address: text('Address the HTTP server listens on; empty for all.', ''),
    http_listen_port: {
      ...count('Port of the HTTP server; 0 picks a free one.', 3100),
      maximum: 65535,
    },
    http_path_prefix: text('Prefix of all routes.', ''),
    http_server_read_timeout: duration(
      'How long the head of a request may take, and its body may pause.',
      '30s',
    ),
    log_level: oneOf('Least level that is logged.', ['info', 'debug', 'warn', 'error']),
    log_format: oneOf('Accepted for compatibility; logs are JSON.', ['json', 'logfmt']),
  }),
  ignoredServerKeys,
)

const commonSchema = withIgnored(
  block({
    path_prefix: text('Directory of all data.', './data'),
  }),
  ignoredCommonKeys,
)

const otlpActions = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      action: { enum: ['index_label', 'structured_metadata', 'drop'] },
      attributes: { type: 'array', items: { type: 'string' } },
      regex: { type: 'string' },
    },
    required: ['action'],
    additionalProperties: false,
  },
  default: [],
} as const

const otlpSchema = {
  ...block({
    resource_attributes: block({
      ignore_defaults: flag('', false),
      attributes_config: otlpActions,
    }),
    scope_attributes: otlpActions,
    log_attributes: otlpActions,
  }),
  description:
    'What becomes of the attributes of OTLP logs: index_label (of a resource only), structured_metadata or drop, by name or expression.',
} as const

const retentionStreamSchema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      selector: { type: 'string' },
      priority: { type: 'integer', default: 0 },
      period: { type: 'string' },
    },
    required: ['selector', 'period'],
    additionalProperties: false,
  },
  description:
    'Periods of streams that differ from retention_period: selector, priority (the highest counts, then the shortest period) and period, 24h at least.',
  default: [],
} as const

const limitsSchema = withIgnored(
  block({
    ingestion_rate_mb: optionalMegabytes(
      'Megabytes a tenant may push in a second; 0 for no limit. By default 4 with auth_enabled, none without.',
    ),
    ingestion_burst_size_mb: optionalMegabytes(
      'Megabytes a tenant may push at once, if there is a rate. By default 6.',
    ),
    per_stream_rate_limit: optionalBytes(
      'Bytes of a stream in a second; 0 for no limit. By default 3MB with auth_enabled, none without.',
    ),
    per_stream_rate_limit_burst: optionalBytes(
      'Bytes of a stream at once, if there is a rate. By default 15MB.',
    ),
    max_streams_per_user: count('Most active streams of a tenant; 0 for no limit.', 0),
    max_global_streams_per_user: count('The same, where max_streams_per_user is 0.', 0),
    per_tenant_override_config: text('Older name of runtime_config.file.', ''),
    per_tenant_override_period: duration('Older name of runtime_config.period.', '10s'),
    max_line_size: bytes('Longest line, in bytes; 0 for no limit.', '256KB'),
    max_line_size_truncate: flag('Cut longer lines instead of refusing them.', false),
    max_label_name_length: count('Longest label name, in bytes.', 1024),
    max_label_value_length: count('Longest label value, in bytes.', 2048),
    max_label_names_per_series: count('Most labels of a stream, service_name not counted.', 15),
    reject_old_samples: flag('Refuse entries older than reject_old_samples_max_age.', false),
    reject_old_samples_max_age: duration('Age from which entries are refused.', '1w'),
    creation_grace_period: duration('How far in the future an entry may lie.', '10m'),
    discover_service_name: texts(
      'Labels whose first non-empty one becomes service_name; empty switches it off.',
      defaultServiceNameLabels,
    ),
    discover_log_levels: flag('Add detected_level to every entry.', true),
    log_level_fields: texts(
      'Fields, labels and metadata that hold a level, best first.',
      defaultLogLevelFields,
    ),
    allow_structured_metadata: flag('Accept structured metadata.', true),
    max_structured_metadata_size: bytes('Most metadata of an entry.', '64KB'),
    max_structured_metadata_entries_count: count('Most metadata pairs of an entry.', 128),
    otlp_config: otlpSchema,
    max_query_length: duration('Longest time range of a query; 0 for no limit.', '721h'),
    max_query_lookback: duration('How far back queries may look; 0 for no limit.', '0s'),
    max_query_bytes_read: bytes('Most bytes of lines a query may look at; 0 for no limit.', '0B'),
    max_query_range: duration('Longest [range] in a metric query; 0 for no limit.', '0s'),
    max_streams_matchers_per_query: count('Most matchers of a query.', 1000),
    required_labels: texts('Labels that every selector has to use.', []),
    minimum_labels_number: count('Least number of matchers of a selector; 0 for none.', 0),
    max_query_series: count('Most series of a metric query.', 500),
    max_entries_limit_per_query: count('Most entries of a log query.', 5000),
    max_concurrent_tail_requests: count('Most live tails of a tenant at once; 0 for no limit.', 10),
    query_timeout: duration('Time after which a query is ended.', '1m'),
    retention_period: duration(
      'How long entries are kept, in whole days, with compactor.retention_enabled; 0 for ever.',
      '0s',
    ),
    retention_stream: retentionStreamSchema,
    deletion_mode: oneOf(
      'What delete requests do: hide entries and take them out, hide them only, or nothing.',
      ['filter-and-delete', 'filter-only', 'disabled'],
    ),
    split_queries_by_interval: duration(
      'Above 0, start and end of metric range queries are aligned to their step, as Loki does.',
      '1h',
    ),
    volume_enabled: flag('Answer requests for volumes.', true),
    volume_max_series: count('Most series that a volume may add up.', 1000),
  }),
  ignoredLimitKeys,
)

const runtimeSchema = block({
  file: text('File with overrides: limits of single tenants; several with commas between.', ''),
  period: duration('How often it is read again; 0 for never.', '10s'),
})

const ignoredCompactorKeys = [
  'apply_retention_interval',
  'compaction_interval',
  'compactor_ring',
  'delete_batch_size',
  'delete_request_store',
  'delete_request_store_db_type',
  'delete_request_store_key_prefix',
  'deletion_mode',
  'horizontal_scaling_mode',
  'jobs_config',
  'max_compaction_parallelism',
  'retention_backoff_config',
  'retention_delete_delay',
  'retention_delete_worker_count',
  'retention_table_timeout',
  'run_once',
  'shared_store',
  'skip_latest_n_tables',
  'tables_to_compact',
  'upload_parallelism',
  'worker_config',
  'working_directory',
] as const

const compactorSchema = withIgnored(
  block({
    retention_enabled: flag(
      'Delete entries older than limits_config.retention_period, and take delete requests.',
      false,
    ),
    delete_request_cancel_period: duration(
      'How long a delete request can be taken back; its entries are hidden at once and taken out after it.',
      '24h',
    ),
    delete_max_interval: duration('Longest max_interval of a delete request.', '24h'),
  }),
  ignoredCompactorKeys,
)

/** The whole file. */
export const storeConfigSchema = withIgnored(
  block({
    auth_enabled: flag(
      'Take the tenant from the header X-Scope-OrgID; otherwise all data is one tenant.',
      true,
    ),
    target: oneOf('Accepted for compatibility; a store always does everything.', [
      'all',
      'all,table-manager',
    ]),
    server: serverSchema,
    common: commonSchema,
    limits_config: limitsSchema,
    runtime_config: runtimeSchema,
    compactor: compactorSchema,
  }),
  ignoredBlocks,
)

/** What a file may hold, with the defaults filled in. */
export type RawStoreConfig = {
  readonly auth_enabled: boolean
  readonly server: Required<XStatic<typeof serverSchema>>
  readonly common: Required<XStatic<typeof commonSchema>>
  readonly limits_config: RawLimits
  readonly runtime_config: Required<XStatic<typeof runtimeSchema>>
  readonly compactor: Required<XStatic<typeof compactorSchema>>
}

/** The limits of a tenant as they are written, with the defaults filled in. */
export type RawLimits = Omit<Required<XStatic<typeof limitsSchema>>, 'otlp_config'> & {
  readonly otlp_config: OtlpConfig
}

/** Paths of the keys that are accepted without effect, as `block.key` or `block`. */
export const ignoredPaths: ReadonlySet<string> = new Set([
  ...ignoredBlocks,
  ...ignoredServerKeys.map(key => `server.${key}`),
  ...ignoredCommonKeys.map(key => `common.${key}`),
  ...ignoredLimitKeys.map(key => `limits_config.${key}`),
  ...ignoredCompactorKeys.map(key => `compactor.${key}`),
])

/** Schemas by the name of their block, for the reference page. */
export const blockSchemas: Readonly<Record<string, { readonly properties: object }>> = {
  '': storeConfigSchema,
  server: serverSchema,
  common: commonSchema,
  limits_config: limitsSchema,
  runtime_config: runtimeSchema,
  compactor: compactorSchema,
}

/** Keys whose defaults would hide what the configuration says of all tenants. */
const limitsWithoutDefaults = {
  ...limitsSchema,
  properties: Object.fromEntries(
    Object.entries(limitsSchema.properties).map(([key, { default: _, ...schema }]) => [
      key,
      schema,
    ]),
  ),
  required: [],
}

/** A file of overrides. */
export const overridesSchema = {
  type: 'object',
  properties: {
    overrides: { type: 'object', additionalProperties: limitsWithoutDefaults, default: {} },
    // Accepted: what Loki's file may hold beside them.
    multi_kv_config: {},
    configs: {},
  },
  additionalProperties: false,
} as const
