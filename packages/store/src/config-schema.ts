// The schema of the store's YAML, with Loki's keys where they mean the same. Types, defaults,
// checks, the description of every key and docs/config.md all come from it. settings/ has the keys
// of Loki that Skald does not follow.

// The schema is plain JSON Schema, with a word of ours, `form`, for texts such as durations. @skald/config-reading reads values by it;
// the library provides only its types.

import type { XStatic } from 'typebox/schema'
import { authItemSchemas, authSchema, oidcSchema, type RawAuth } from './auth/auth-schema.ts'
import {
  bucketSchemas,
  createObjectStoreSchema,
  type RawAwsBucket,
  type RawObjectStore,
} from './bucket-schema.ts'
import type { OtlpConfig } from './ingest/otlp-actions.ts'
import { defaultServiceNameLabels } from './ingest/stream-labels.ts'
import { defaultLogLevelFields } from './levels/detected-level.ts'
import { otlpSchema } from './otlp-schema.ts'
import {
  otlpGrpcSchema,
  type RawReceivers,
  receiversSchema,
  syslogSchema,
} from './receivers-schema.ts'
import {
  type RawRuler,
  type RawRulerLimits,
  type RawRulerStorage,
  rulerBlocks,
  rulerLimitsSchema,
  rulerSchema,
  rulerStorageSchema,
} from './ruler-schema.ts'
import {
  block,
  bytes,
  count,
  duration,
  flag,
  oneOf,
  optionalBytes,
  optionalMegabytes,
  text,
  texts,
} from './schema-forms.ts'
import { type RawServer, serverSchema } from './server-schema.ts'
import { withUnfollowed } from './settings/unfollowed.ts'
import { catalogSchema, pageSchema, type RawSkald, skaldSchema } from './skald-schema.ts'

/** The directories in Loki's storage settings. */
function filesystemSchema(name: string) {
  return withUnfollowed(
    {
      type: ['object', 'null'],
      properties: {
        directory: { type: 'string' },
        chunks_directory: { type: 'string' },
        ...(name === 'common.storage' && { rules_directory: { type: 'string' } as const }),
      },
      additionalProperties: false,
      description: 'Sets the data directory if path_prefix is not set.',
    } as const,
    `${name}.filesystem`,
  )
}

const commonStorageSchema = withUnfollowed(
  {
    type: 'object',
    properties: {
      filesystem: filesystemSchema('common.storage'),
      s3: bucketSchemas['common.storage.s3'],
      object_store: createObjectStoreSchema('common.storage'),
    },
    additionalProperties: false,
    description:
      'Where lines are stored, with the blocks filesystem, s3 and object_store of storage_config. Keys in storage_config win.',
    default: {},
  } as const,
  'common.storage',
)

const storageSchema = withUnfollowed(
  {
    type: 'object',
    properties: {
      filesystem: filesystemSchema('storage_config'),
      aws: bucketSchemas['storage_config.aws'],
      object_prefix: text('Prefix of all keys in the bucket of aws.', ''),
      use_thanos_objstore: flag('Use the bucket of object_store, not that of aws.', false),
      object_store: createObjectStoreSchema('storage_config'),
    },
    additionalProperties: false,
    description: 'Where lines are stored.',
    default: {},
  } as const,
  'storage_config',
)

const commonSchema = withUnfollowed(
  block({
    path_prefix: text(
      'Directory for all data. Defaults to storage_config.filesystem.directory or common.storage.filesystem.chunks_directory, otherwise ./data.',
      '',
    ),
    storage: commonStorageSchema,
  }),
  'common',
)

const retentionStreamSchema = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      selector: { type: 'string' },
      priority: { type: 'integer', default: 0 },
      period: { type: 'string', form: 'duration' },
    },
    required: ['selector', 'period'],
    additionalProperties: false,
  },
  description:
    'Streams with a period other than retention_period. Each item has a selector, a priority (the highest wins, then the shortest period) and a period of at least 24h.',
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
    'Queries to refuse, by pattern (the whole text, or a regular expression with regex: true; empty matches all) or by hash (FNV-1, 32 bits). types limits a rule to metric, filter or limited queries.',
  default: [],
} as const

const limitsSchema = withUnfollowed(
  block({
    ingestion_rate_mb: optionalMegabytes(
      'Megabytes a tenant may push per second; 0 means no limit. Defaults to 4 with auth_enabled, otherwise to no limit.',
    ),
    ingestion_burst_size_mb: optionalMegabytes(
      'Megabytes a tenant may push at once, if there is a rate limit. Defaults to 6.',
    ),
    ingestion_rate_strategy: oneOf(
      'How several replicas apply ingestion_rate_mb: global divides it among them, local lets each allow it in full.',
      ['global', 'local'],
    ),
    per_stream_rate_limit: optionalBytes(
      'Bytes per second for one stream; 0 means no limit. Defaults to 3MB with auth_enabled, otherwise to no limit.',
    ),
    per_stream_rate_limit_burst: optionalBytes(
      'Bytes at once for one stream, if there is a rate limit. Defaults to 15MB.',
    ),
    max_streams_per_user: count(
      'Maximum number of active streams per tenant; 0 means no limit.',
      0,
    ),
    max_global_streams_per_user: count('The same limit, used if max_streams_per_user is 0.', 0),
    per_tenant_override_config: text('Older name for runtime_config.file.', ''),
    per_tenant_override_period: duration('Older name for runtime_config.period.', '10s'),
    max_line_size: bytes('Maximum length of a line, in bytes; 0 means no limit.', '256KB'),
    max_line_size_truncate: flag('Truncate longer lines instead of refusing them.', false),
    max_label_name_length: count('Maximum length of a label name, in bytes.', 1024),
    max_label_value_length: count('Maximum length of a label value, in bytes.', 2048),
    max_label_names_per_series: count(
      'Maximum number of labels per stream, not counting service_name.',
      15,
    ),
    reject_old_samples: flag('Refuse entries older than reject_old_samples_max_age.', false),
    reject_old_samples_max_age: duration(
      'Maximum age of entries, if reject_old_samples is true.',
      '1w',
    ),
    creation_grace_period: duration('How far in the future the time of an entry may be.', '10m'),
    discover_service_name: texts(
      'The first non-empty label in this list becomes service_name; an empty list turns this off.',
      defaultServiceNameLabels,
    ),
    discover_log_levels: flag('Add detected_level to every entry.', true),
    log_level_fields: texts(
      'Fields, labels and metadata that may hold the level, in order of preference.',
      defaultLogLevelFields,
    ),
    allow_structured_metadata: flag('Accept structured metadata.', true),
    max_structured_metadata_size: bytes('Maximum size of the metadata of an entry.', '64KB'),
    max_structured_metadata_entries_count: count(
      'Maximum number of metadata pairs per entry.',
      128,
    ),
    otlp_config: otlpSchema,
    increment_duplicate_timestamp: flag(
      'Add a nanosecond to a line that follows a different line of its stream with the same time.',
      false,
    ),
    enforced_labels: texts('Labels that every stream must have.', []),
    block_ingestion_until: {
      anyOf: [{ type: 'string' }, { const: 0 }],
      form: 'time',
      description: 'Refuse all pushes until this time (RFC 3339 or a date); 0 turns this off.',
      default: '',
    } as const,
    block_ingestion_status_code: count(
      'Status code for pushes until that time; 200 drops them silently.',
      260,
    ),
    max_query_length: duration('Longest time range of a query; 0 means no limit.', '721h'),
    max_query_lookback: duration('How far back queries may look; 0 means no limit.', '0s'),
    max_query_bytes_read: bytes('Maximum bytes of lines a query may read; 0 means no limit.', '0B'),
    max_querier_bytes_read: bytes(
      'The same limit; in Loki it applies to each querier. 0 means no limit.',
      '150GB',
    ),
    cardinality_limit: count(
      'Maximum number of streams a selection may match; 0 means no limit.',
      0,
    ),
    blocked_queries: blockedQueriesSchema,
    max_query_range: duration('Longest [range] in a metric query; 0 means no limit.', '0s'),
    max_streams_matchers_per_query: count('Maximum number of matchers in a query.', 1000),
    required_labels: texts('Labels that every selector must use.', []),
    minimum_labels_number: count(
      'Minimum number of matchers in a selector; 0 means no minimum.',
      0,
    ),
    shard_aggregations: texts(
      'Aggregations to allow: approx_topk is refused unless it is listed here.',
      [],
    ),
    max_query_series: count('Maximum number of series in a metric query.', 500),
    max_entries_limit_per_query: count('Maximum number of entries a log query returns.', 5000),
    max_concurrent_tail_requests: count(
      'Maximum number of live tails per tenant; 0 means no limit.',
      10,
    ),
    query_timeout: duration('How long a query may run.', '1m'),
    retention_period: duration(
      'How long to keep entries, in whole days; needs compactor.retention_enabled. 0 means forever.',
      '0s',
    ),
    demote_labels: texts(
      'Labels to keep as structured metadata instead of labels of streams, because they have too many values.',
      [],
    ),
    demote_labels_above: count(
      'Demote every label that has more values than this in a day, except service_name and enforced_labels; 0 turns this off.',
      0,
    ),
    retention_stream: retentionStreamSchema,
    retention_max_bytes: bytes(
      "Largest size of a tenant's segments. If they are larger, its oldest days are deleted; 0 means no limit. Does not need compactor.retention_enabled.",
      '0B',
    ),
    deletion_mode: oneOf(
      'What delete requests do: hide and remove entries, only hide them, or nothing.',
      ['filter-and-delete', 'filter-only', 'disabled'],
    ),
    allow_deletes: {
      type: ['boolean', 'null'],
      description: 'Older name: false means deletion_mode disabled, if deletion_mode is not set.',
      default: null,
    } as const,
    split_queries_by_interval: duration(
      'If above 0, the start and end of metric range queries are aligned to the step, as in Loki.',
      '1h',
    ),
    volume_enabled: flag('Serve requests for volumes.', true),
    volume_max_series: count('Maximum number of series in a volume.', 1000),
    ...rulerLimitsSchema,
  }),
  'limits_config',
)

const runtimeSchema = block({
  file: text('File with overrides for single tenants; separate several files with commas.', ''),
  period: duration('How often to reread the file; 0 means never.', '10s'),
})

const compactorSchema = withUnfollowed(
  block({
    retention_enabled: flag(
      'Delete entries older than limits_config.retention_period, and accept delete requests.',
      false,
    ),
    delete_request_cancel_period: duration(
      'How long you can cancel a delete request. Its entries are hidden at once and removed after this time.',
      '24h',
    ),
    delete_max_interval: duration('Maximum max_interval of a delete request.', '24h'),
    retention_max_bytes: bytes(
      'Largest size of all segments. If they are larger, the oldest days are deleted; 0 means no limit. Does not need retention_enabled.',
      '0B',
    ),
    retention_min_free_bytes: optionalBytes(
      'Free space to keep on the file system: if less is free, the oldest days are deleted; 0 turns this off. Defaults to 5 % of the file system and at most 20GB. Never less than merges need. Does not need retention_enabled.',
    ),
    retention_min_age: duration(
      'What is younger is never deleted by size or free space; 0 lets even the current day go.',
      '24h',
    ),
    retention_delete_delay: duration(
      'With a bucket: how long its objects stay after nothing needs them any more.',
      '2h',
    ),
    deletion_mode: oneOf('Older name for limits_config.deletion_mode, used if that is not set.', [
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
      'Older name for limits_config.max_query_lookback, used if that is 0.',
      '0s',
    ),
  }),
  'chunk_store_config',
)

const tableManagerSchema = withUnfollowed(
  block({
    retention_deletes_enabled: flag('Older name for compactor.retention_enabled.', false),
    retention_period: duration(
      'Older name for limits_config.retention_period, used with retention_deletes_enabled if that is 0.',
      '0s',
    ),
  }),
  'table_manager',
)

const patternsSchema = withUnfollowed(
  block({
    enabled: flag('Serve requests for patterns. The store finds them at query time.', true),
  }),
  'pattern_ingester',
)

const querierSchema = withUnfollowed(
  block({
    multi_tenant_queries_enabled: flag(
      'Let one query read several tenants, with `X-Scope-OrgID: a|b`. Every stream and series then has the label `__tenant_id__`.',
      false,
    ),
  }),
  'querier',
)

/** Blocks with supported keys, in the order of docs/config.md. */
const followedBlocks = {
  server: serverSchema,
  common: commonSchema,
  limits_config: limitsSchema,
  querier: querierSchema,
  pattern_ingester: patternsSchema,
  runtime_config: runtimeSchema,
  compactor: compactorSchema,
  table_manager: tableManagerSchema,
  chunk_store_config: chunkStoreSchema,
  storage_config: storageSchema,
  ruler: rulerSchema,
  ruler_storage: rulerStorageSchema,
  skald: skaldSchema,
  page: pageSchema,
  auth: authSchema,
  receivers: receiversSchema,
} as const

/** The whole file. */
export const storeConfigSchema = withUnfollowed(
  block({
    auth_enabled: flag(
      'Read the tenant from the header X-Scope-OrgID; if false, all data belongs to one tenant.',
      true,
    ),
    max_memory: optionalBytes(
      'Resident memory that the process may take. Queries wait for each other, and are refused with 429, before it is reached; pushes are not. 0 means no limit. Defaults to 90 % of the limit of the container, or else to 60 % of the memory of the machine.',
    ),
    ...followedBlocks,
  }),
  '',
)

/** The content of a file, with the defaults filled in. */
export type RawStoreConfig = {
  readonly auth_enabled: boolean
  readonly max_memory: string | number | null
  readonly server: RawServer
  readonly common: Omit<Required<XStatic<typeof commonSchema>>, 'storage'> & {
    readonly storage: RawStorage & { readonly s3?: RawAwsBucket | null }
  }
  readonly storage_config: RawStorage & {
    readonly aws?: RawAwsBucket | null
    readonly object_prefix: string
    readonly use_thanos_objstore: boolean
  }
  readonly skald: RawSkald
  readonly ruler: RawRuler
  readonly ruler_storage: RawRulerStorage
  readonly page: Required<XStatic<typeof pageSchema>>
  readonly auth: RawAuth
  readonly receivers: RawReceivers
  readonly limits_config: RawLimits
  readonly runtime_config: Required<XStatic<typeof runtimeSchema>>
  readonly querier: Required<XStatic<typeof querierSchema>>
  readonly pattern_ingester: Required<XStatic<typeof patternsSchema>>
  readonly compactor: Required<XStatic<typeof compactorSchema>>
  readonly table_manager: Required<XStatic<typeof tableManagerSchema>>
  readonly chunk_store_config: Required<XStatic<typeof chunkStoreSchema>>
}

/** Where lines are stored. Other keys belong to storages that Skald does not have. */
export interface RawStorage {
  readonly filesystem?: { readonly directory?: string; readonly chunks_directory?: string } | null
  readonly object_store?: RawObjectStore | null
}

/** A tenant's limits as written, with the defaults filled in. */
export type RawLimits = Omit<
  Required<XStatic<typeof limitsSchema>>,
  'otlp_config' | 'blocked_queries' | keyof RawRulerLimits
> &
  RawRulerLimits & {
    readonly otlp_config: OtlpConfig
    readonly blocked_queries: readonly RawBlockedQuery[]
  }

/** A query to block, with the defaults filled in. */
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
  ...rulerBlocks,
  'skald.catalog': catalogSchema,
  ...authItemSchemas,
  'auth.oidc': oidcSchema,
  'receivers.otlp': receiversSchema.properties.otlp,
  'receivers.otlp.grpc': otlpGrpcSchema,
  'receivers.syslog[]': syslogSchema,
  'storage_config.aws': bucketSchemas['storage_config.aws'],
  'storage_config.object_store': createObjectStoreSchema('storage_config'),
  'storage_config.object_store.s3': bucketSchemas['storage_config.object_store.s3'],
}

/** The limits without defaults, which would hide what the configuration sets for all tenants. */
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

/** The schema of an overrides file. */
export const overridesSchema = {
  type: 'object',
  properties: {
    overrides: { type: 'object', additionalProperties: limitsWithoutDefaults, default: {} },
    // Accepted, because Loki's file may contain them too.
    multi_kv_config: {},
    configs: {},
  },
  additionalProperties: false,
} as const
