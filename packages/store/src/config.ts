// Reads the store's YAML: what was written becomes numbers with units, every mistake is told with its
// line, and what has no effect here is named once.

import { parseConfigBytes, parseGoDuration, parsePrometheusDuration } from '@skald/wire'
import { Ajv, type ErrorObject } from 'ajv'
import { isMap, LineCounter, parseDocument } from 'yaml'
import {
  blockSchemas,
  ignoredPaths,
  type RawLimits,
  type RawStoreConfig,
  storeConfigSchema,
} from './config-schema.ts'
import { ConfigError, type ConfigProblem } from './errors.ts'
import { createOtlpMapping } from './ingest/otlp-actions.ts'
import type { TenantLimits } from './limits.ts'

/** Configuration of a store, resolved. */
export interface StoreConfig {
  /** Whether the tenant comes from the header X-Scope-OrgID; otherwise it is `fake`, as Loki's is. */
  readonly authEnabled: boolean
  /** Empty for all addresses. */
  readonly listenAddress: string
  /** 0 picks a free port. */
  readonly listenPort: number
  readonly httpPathPrefix: string
  readonly logLevel: string
  readonly dataDir: string
  readonly limits: TenantLimits
}

/** A configuration with what its reader should tell the operator. */
export interface LoadedStoreConfig {
  readonly config: StoreConfig
  /** One text for each key that is accepted without effect. */
  readonly warnings: readonly string[]
  /** The file with its defaults filled in, as `/config` shows it. */
  readonly raw: RawStoreConfig
}

/**
 * Reads a configuration.
 *
 * @throws ConfigError with every mistake and its line.
 */
export function loadStoreConfig(text: string, path: string): LoadedStoreConfig {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false, version: '1.1' })
  const problemAt = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1), message }
  }
  if (document.errors.length > 0) {
    throw new ConfigError(
      path,
      document.errors.map(error => problemAt(error.pos[0], error.message)),
    )
  }
  const raw: unknown = withoutEmptyKeys(document.toJS() ?? {})
  /** Offset of the key (or value) at a path of keys. */
  const offsetOf = (keys: readonly string[]): number => {
    const parent: unknown = document.getIn(keys.slice(0, -1), true) ?? document.contents
    const pair = isMap(parent)
      ? parent.items.find(item => String(item.key) === keys.at(-1))
      : undefined
    const key = pair?.key as { range?: [number, number, number] } | undefined
    return key?.range?.[0] ?? 0
  }
  const validate = new Ajv({ useDefaults: true, allErrors: true, strict: false }).compile(
    storeConfigSchema,
  )
  if (!(validate as (data: unknown) => boolean)(raw)) {
    throw new ConfigError(path, describeErrors(validate.errors ?? [], offsetOf, problemAt))
  }
  const config = raw as RawStoreConfig
  const problems: ConfigProblem[] = []
  const limits = resolveLimits(config.limits_config, (key, message) => {
    problems.push(problemAt(offsetOf(['limits_config', key]), `limits_config.${key}: ${message}`))
  })
  if (problems.length > 0) throw new ConfigError(path, problems)
  const { server } = config
  return {
    config: {
      authEnabled: config.auth_enabled,
      listenAddress: server.http_listen_address,
      listenPort: server.http_listen_port,
      httpPathPrefix: server.http_path_prefix.replace(/\/+$/, ''),
      logLevel: server.log_level,
      dataDir: config.common.path_prefix,
      limits,
    },
    warnings: ignoredKeysOf(raw as Record<string, unknown>),
    raw: config,
  }
}

/** Takes out known keys without a value: as with Loki, they are the default. */
function withoutEmptyKeys(raw: unknown): unknown {
  for (const [name, schema] of Object.entries(blockSchemas)) {
    const block = name === '' ? raw : (raw as Record<string, unknown> | null)?.[name]
    if (typeof block !== 'object' || block === null) continue
    const { properties } = schema as { properties?: object }
    for (const [key, value] of Object.entries(block)) {
      if (value === null && Object.hasOwn(properties ?? {}, key)) Reflect.deleteProperty(block, key)
    }
  }
  return raw
}

function describeErrors(
  errors: readonly ErrorObject[],
  offsetOf: (keys: readonly string[]) => number,
  problemAt: (offset: number, message: string) => ConfigProblem,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const error of errors) {
    const keys = error.instancePath.split('/').slice(1)
    const where = keys.join('.')
    if (error.keyword === 'additionalProperties') {
      const key = String(error.params.additionalProperty)
      const full = [...keys, key]
      problems.push(
        problemAt(offsetOf(full), `unknown key ${full.join('.')}: remove it or check its spelling`),
      )
      continue
    }
    // The alternatives of a union are reported with the union itself.
    if (
      error.keyword === 'const' ||
      problems.some(({ message }) => message.startsWith(`${where}: `))
    ) {
      continue
    }
    problems.push(problemAt(offsetOf(keys), `${where || 'the file'}: ${error.message}`))
  }
  return problems
}

function ignoredKeysOf(raw: Record<string, unknown>): string[] {
  const warnings: string[] = []
  for (const [block, value] of Object.entries(raw)) {
    if (ignoredPaths.has(block)) warnings.push(`${block} has no effect here`)
    if (typeof value !== 'object' || value === null) continue
    for (const key of Object.keys(value)) {
      if (ignoredPaths.has(`${block}.${key}`)) warnings.push(`${block}.${key} has no effect here`)
    }
  }
  return warnings
}

function resolveLimits(
  raw: RawLimits,
  report: (key: keyof RawLimits & string, message: string) => void,
): TenantLimits {
  const durationNs = (key: keyof RawLimits & string): bigint => {
    const value = raw[key] as string | number
    if (value === 0) return 0n
    try {
      return parsePrometheusDuration(String(value))
    } catch {
      // Loki takes Go's durations as well (1.5h).
    }
    try {
      return parseGoDuration(String(value))
    } catch (error) {
      report(key, `${(error as Error).message} (write it as 30s, 10m or 7d)`)
      return 0n
    }
  }
  const sizeBytes = (key: keyof RawLimits & string): number => {
    try {
      return parseConfigBytes(String(raw[key]))
    } catch (error) {
      report(key, (error as Error).message)
      return 0
    }
  }
  const maxAgeNs = durationNs('reject_old_samples_max_age')
  return {
    maxLineBytes: sizeBytes('max_line_size'),
    truncateLongLines: raw.max_line_size_truncate,
    maxLabelNameBytes: raw.max_label_name_length,
    maxLabelValueBytes: raw.max_label_value_length,
    maxLabelNames: raw.max_label_names_per_series,
    rejectOlderThanNs: raw.reject_old_samples ? maxAgeNs : undefined,
    creationGraceNs: durationNs('creation_grace_period'),
    discoverServiceName: raw.discover_service_name,
    discoverLogLevels: raw.discover_log_levels,
    logLevelFields: raw.log_level_fields,
    allowStructuredMetadata: raw.allow_structured_metadata,
    maxStructuredMetadataBytes: sizeBytes('max_structured_metadata_size'),
    maxStructuredMetadataEntries: raw.max_structured_metadata_entries_count,
    otlp: createOtlpMapping(raw.otlp_config, {
      serviceNameLabels: raw.discover_service_name,
      report: message => report('otlp_config', message),
    }),
    queryTimeoutNs: durationNs('query_timeout'),
    query: {
      maxQuerySeries: raw.max_query_series,
      maxEntriesLimitPerQuery: raw.max_entries_limit_per_query,
      maxQueryLengthNs: durationNs('max_query_length'),
      maxQueryRangeNs: durationNs('max_query_range'),
      maxStreamsMatchersPerQuery: raw.max_streams_matchers_per_query,
      splitQueriesByIntervalNs: durationNs('split_queries_by_interval'),
      requiredLabels: raw.required_labels,
      minimumLabelsNumber: raw.minimum_labels_number,
    },
  }
}
