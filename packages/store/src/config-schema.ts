// The store's YAML, as a schema: Loki's keys where the meaning is the same. From it come the types,
// the defaults, the checks, the description of every key and docs/config.md. What of Loki's is not followed
// is in settings/.

// The schema is written as JSON Schema itself, and only its types come from the library: loading it
// took a third of the time a store needs to start.

import { logFormats } from '@skald/wire'
import type { XStatic } from 'typebox/schema'
import { defaultLogLevelFields } from './ingest/detected-level.ts'
import type { OtlpConfig } from './ingest/otlp-actions.ts'
import { defaultServiceNameLabels } from './ingest/stream-labels.ts'
import { unfollowedKeysOf } from './settings/judge.ts'

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

/** Lets the keys of Loki's pass that are not followed: settings/judge.ts looks at them. */
function withUnfollowed<Schema extends { readonly properties: object }>(
  schema: Schema,
  name: string,
): Schema {
  const note = { description: 'Not followed, see docs/config.md.', isUnfollowed: true }
  const unfollowed = Object.fromEntries(unfollowedKeysOf(name).map(key => [key, note]))
  // Not in the type, so that no code can read what is not followed.
  return { ...schema, properties: { ...unfollowed, ...schema.properties } }
}

const serverSchema = withUnfollowed(
  block({
    http_listen_address: text('Address the HTTP server listens on; empty for all.', ''),
    http_listen_port: {
      ...count('Port of the HTTP server; 0 picks a free one.', 3100),
      maximum: 65535,
    },
    http_path_prefix: text('Prefix of all routes.', ''),
    http_listen_conn_limit: count('Most connections at once; 0 for no limit.', 0),
    http_server_read_timeout: duration(
      'How long the head of a request may take, and its body may pause.',
      '30s',
    ),
    http_server_read_header_timeout: duration(
      'The same for the head alone; 0 for http_server_read_timeout.',
      '0s',
    ),
    http_server_idle_timeout: duration(
      'How long a connection may wait for its next request; 0 for http_server_read_timeout.',
      '2m',
    ),
    log_level: oneOf('Least level that is logged.', ['info', 'debug', 'warn', 'error']),
    log_format: oneOf('Form of the log on standard error.', logFormats),
    register_instrumentation: flag('Answer /metrics.', true),
  }),
  'server',
)

/** What Loki's storage says of a directory. */
function storageSchema(name: string) {
  return withUnfollowed(
    {
      type: 'object',
      properties: {
        filesystem: withUnfollowed(
          {
            type: ['object', 'null'],
            properties: { directory: { type: 'string' }, chunks_directory: { type: 'string' } },
            additionalProperties: false,
          },
          `${name}.filesystem`,
        ),
      },
      additionalProperties: false,
      description: 'Of it, filesystem says where the data lies if path_prefix does not.',
      default: {},
    } as const,
    name,
  )
}

const commonSchema = withUnfollowed(
  block({
    path_prefix: text(
      'Directory of all data. By default that of storage_config.filesystem.directory or common.storage.filesystem.chunks_directory, else ./data.',
      '',
    ),
    storage: storageSchema('common.storage'),
  }),
  'common',
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
  ...withUnfollowed(
    block({
      resource_attributes: block({
        ignore_defaults: flag('', false),
        attributes_config: otlpActions,
      }),
      scope_attributes: otlpActions,
      log_attributes: otlpActions,
    }),
    'limits_config.otlp_config',
  ),
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

const blockedQueriesSchema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      pattern: { type: 'string', default: '' },
      regex: { type: 'boolean', default: false },
      types: {
        anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'string' }],
        default: [],
      },
      hash: { type: 'integer', minimum: 0, default: 0 },
    },
    additionalProperties: false,
  },
  description:
    'Queries that are refused: by pattern (the whole text, or with regex an expression; all where it is empty) or hash (FNV-1, 32 bits), of all types or some of metric, filter, limited.',
  default: [],
} as const

const limitsSchema = withUnfollowed(
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
    increment_duplicate_timestamp: flag(
      'Move a line that follows a different one of its stream with the same time by a nanosecond.',
      false,
    ),
    enforced_labels: texts('Labels that a stream must have to be taken.', []),
    block_ingestion_until: {
      anyOf: [{ type: 'string' }, { enum: [0] }],
      description: 'Take no entries before this time (RFC 3339 or a date); 0 for none.',
      default: '',
    } as const,
    block_ingestion_status_code: count(
      'Status of pushes until then; 200 drops them in silence.',
      260,
    ),
    max_query_length: duration('Longest time range of a query; 0 for no limit.', '721h'),
    max_query_lookback: duration('How far back queries may look; 0 for no limit.', '0s'),
    max_query_bytes_read: bytes('Most bytes of lines a query may look at; 0 for no limit.', '0B'),
    max_querier_bytes_read: bytes(
      'The same, which Loki has for each of its queriers; 0 for no limit.',
      '150GB',
    ),
    cardinality_limit: count('Most streams that a selection may find; 0 for no limit.', 0),
    blocked_queries: blockedQueriesSchema,
    max_query_range: duration('Longest [range] in a metric query; 0 for no limit.', '0s'),
    max_streams_matchers_per_query: count('Most matchers of a query.', 1000),
    required_labels: texts('Labels that every selector has to use.', []),
    minimum_labels_number: count('Least number of matchers of a selector; 0 for none.', 0),
    shard_aggregations: texts(
      'Aggregations that are asked for by name: approx_topk is refused unless it is listed.',
      [],
    ),
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
    allow_deletes: {
      type: ['boolean', 'null'],
      description: 'Older name: false is deletion_mode disabled, where that is not written.',
      default: null,
    } as const,
    split_queries_by_interval: duration(
      'Above 0, start and end of metric range queries are aligned to their step, as Loki does.',
      '1h',
    ),
    volume_enabled: flag('Answer requests for volumes.', true),
    volume_max_series: count('Most series that a volume may add up.', 1000),
  }),
  'limits_config',
)

const runtimeSchema = block({
  file: text('File with overrides: limits of single tenants; several with commas between.', ''),
  period: duration('How often it is read again; 0 for never.', '10s'),
})

const compactorSchema = withUnfollowed(
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
    deletion_mode: oneOf('Older name of limits_config.deletion_mode, where that is not written.', [
      '',
      'filter-and-delete',
      'filter-only',
      'disabled',
    ]),
  }),
  'compactor',
)

const chunkStoreSchema = withUnfollowed(
  block({
    max_look_back_period: duration(
      'Older name of limits_config.max_query_lookback, where that is 0.',
      '0s',
    ),
  }),
  'chunk_store_config',
)

const tableManagerSchema = withUnfollowed(
  block({
    retention_deletes_enabled: flag('Older name of compactor.retention_enabled.', false),
    retention_period: duration(
      'Older name of limits_config.retention_period, where that is 0; with retention_deletes_enabled.',
      '0s',
    ),
  }),
  'table_manager',
)

const patternsSchema = withUnfollowed(
  block({
    enabled: flag('Answer requests for patterns, which are found when they are asked for.', true),
  }),
  'pattern_ingester',
)

/** Blocks of which keys are followed, in the order of docs/config.md. */
const followedBlocks = {
  server: serverSchema,
  common: commonSchema,
  limits_config: limitsSchema,
  pattern_ingester: patternsSchema,
  runtime_config: runtimeSchema,
  compactor: compactorSchema,
  table_manager: tableManagerSchema,
  chunk_store_config: chunkStoreSchema,
} as const

/** The whole file. */
export const storeConfigSchema = withUnfollowed(
  block({
    auth_enabled: flag(
      'Take the tenant from the header X-Scope-OrgID; otherwise all data is one tenant.',
      true,
    ),
    ...followedBlocks,
    storage_config: storageSchema('storage_config'),
  }),
  '',
)

/** What a file may hold, with the defaults filled in. */
export type RawStoreConfig = {
  readonly auth_enabled: boolean
  readonly server: Required<XStatic<typeof serverSchema>>
  readonly common: Omit<Required<XStatic<typeof commonSchema>>, 'storage'> & {
    readonly storage: RawStorage
  }
  readonly storage_config: RawStorage
  readonly limits_config: RawLimits
  readonly runtime_config: Required<XStatic<typeof runtimeSchema>>
  readonly pattern_ingester: Required<XStatic<typeof patternsSchema>>
  readonly compactor: Required<XStatic<typeof compactorSchema>>
  readonly table_manager: Required<XStatic<typeof tableManagerSchema>>
  readonly chunk_store_config: Required<XStatic<typeof chunkStoreSchema>>
}

/** Where Loki keeps its chunks on disk; other keys belong to stores that are none of ours. */
export interface RawStorage {
  readonly filesystem?: { readonly directory?: string; readonly chunks_directory?: string } | null
}

/** The limits of a tenant as they are written, with the defaults filled in. */
export type RawLimits = Omit<
  Required<XStatic<typeof limitsSchema>>,
  'otlp_config' | 'blocked_queries'
> & {
  readonly otlp_config: OtlpConfig
  readonly blocked_queries: readonly RawBlockedQuery[]
}

/** Queries that are refused; the defaults are filled in. */
export interface RawBlockedQuery {
  readonly pattern: string
  readonly regex: boolean
  readonly types: readonly string[] | string
  readonly hash: number
}

/** Schemas by the name of their block, for the reference page. */
export const blockSchemas: Readonly<Record<string, { readonly properties: object }>> = {
  '': storeConfigSchema,
  ...followedBlocks,
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
