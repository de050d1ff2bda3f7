// Reads the store's YAML: what was written becomes numbers with units, every mistake is told with its
// line, and what has no effect here is named once.

import { dropEmptyKeys, readYaml } from './config-document.ts'
import { ignoredPathsOf } from './config-ignored.ts'
import { readDuration, resolveLimits } from './config-limits.ts'
import { blockSchemas, type RawStoreConfig, storeConfigSchema } from './config-schema.ts'
import { ConfigError, type ConfigProblem } from './errors.ts'
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
  /** How long the head of a request may take, and its body may pause. */
  readonly httpReadTimeoutMs: number
  readonly logLevel: string
  readonly dataDir: string
  /** Whether entries past their retention period are deleted. */
  readonly mayDelete: boolean
  readonly deletes: DeletesConfig
  /** Whether patterns may be asked for. */
  readonly hasPatterns: boolean
  readonly limits: TenantLimits
  readonly overrides: OverridesFiles
}

/** How delete requests are taken. */
export interface DeletesConfig {
  /** How long a request can be taken back before its entries are taken out. */
  readonly cancelPeriodMs: number
  /** Longest `max_interval`; 0 for no bound. */
  readonly maxIntervalNs: bigint
}

/** Files with the limits of single tenants. */
export interface OverridesFiles {
  /** None where no tenant has limits of its own. Of later files the later keys count. */
  readonly paths: readonly string[]
  /** How often they are read again; 0 for never. */
  readonly periodMs: number
}

/** A configuration with what its reader should tell the operator. */
export interface LoadedStoreConfig {
  readonly config: StoreConfig
  /** One text that names the keys which are accepted without effect, if there are any. */
  readonly warnings: readonly string[]
  /** The file with its defaults filled in, as `/config` shows it. */
  readonly raw: RawStoreConfig
}

/** Takes note of what is wrong with a key of a block. */
type Report = (block: string, key: string, message: string) => void

/**
 * Reads a configuration.
 *
 * @throws ConfigError with every mistake and its line.
 */
export function loadStoreConfig(text: string, path: string): LoadedStoreConfig {
  const document = readYaml(text, path)
  const raw: unknown = withoutEmptyKeys(document.value ?? {})
  document.check(raw, storeConfigSchema)
  const config = withOlderRetention(raw as RawStoreConfig)
  const problems: ConfigProblem[] = []
  const report: Report = (block, key, message) => {
    problems.push(document.problemAt([block, key], `${block}.${key}: ${message}`))
  }
  const { server, compactor } = config
  const limits = resolveLimits(config.limits_config, {
    mayDelete: compactor.retention_enabled,
    report: (key, message) => report('limits_config', key, message),
  })
  const httpReadTimeoutNs = readDuration(server.http_server_read_timeout, message => {
    report('server', 'http_server_read_timeout', message)
  })
  readDuration(config.table_manager.retention_period, message => {
    report('table_manager', 'retention_period', message)
  })
  const deletes = resolveDeletes(config, report)
  const overrides = resolveOverrides(config, report)
  if (problems.length > 0) throw new ConfigError(path, problems)
  const ignored = ignoredPathsOf(config)
  return {
    config: {
      authEnabled: config.auth_enabled,
      listenAddress: server.http_listen_address,
      listenPort: server.http_listen_port,
      httpReadTimeoutMs: Number(httpReadTimeoutNs / 1_000_000n),
      httpPathPrefix: server.http_path_prefix.replace(/\/+$/, ''),
      logLevel: server.log_level,
      dataDir: dataDirOf(config),
      mayDelete: compactor.retention_enabled,
      deletes,
      hasPatterns: config.pattern_ingester.enabled,
      limits,
      overrides,
    },
    warnings: ignored.length > 0 ? [`without effect here: ${ignored.join(', ')}`] : [],
    raw: config,
  }
}

function dataDirOf({ common, storage_config: storage }: RawStoreConfig): string {
  return (
    common.path_prefix ||
    storage.filesystem?.directory ||
    common.storage.filesystem?.chunks_directory ||
    './data'
  )
}

function resolveDeletes({ compactor }: RawStoreConfig, report: Report): DeletesConfig {
  const durationNs = (key: 'delete_request_cancel_period' | 'delete_max_interval') =>
    readDuration(compactor[key], message => report('compactor', key, message))
  return {
    cancelPeriodMs: Number(durationNs('delete_request_cancel_period') / 1_000_000n),
    maxIntervalNs: durationNs('delete_max_interval'),
  }
}

/** Lets what the table manager of old configurations says of retention stand where it is read. */
function withOlderRetention(config: RawStoreConfig): RawStoreConfig {
  const { table_manager: older, compactor, limits_config: limits } = config
  if (!older.retention_deletes_enabled) return config
  const isUnset = /^0[a-z]*$/.test(String(limits.retention_period))
  return {
    ...config,
    compactor: { ...compactor, retention_enabled: true },
    limits_config: isUnset ? { ...limits, retention_period: older.retention_period } : limits,
  }
}

/** Where the overrides lie: `runtime_config`, else the older keys of `limits_config`. */
function resolveOverrides(
  { runtime_config: runtime, limits_config: limits }: RawStoreConfig,
  report: Report,
): OverridesFiles {
  const isOld = runtime.file === '' && limits.per_tenant_override_config !== ''
  const files = isOld ? limits.per_tenant_override_config : runtime.file
  const [block, key] = isOld
    ? (['limits_config', 'per_tenant_override_period'] as const)
    : (['runtime_config', 'period'] as const)
  const text = isOld ? limits.per_tenant_override_period : runtime.period
  const periodNs = readDuration(text, message => report(block, key, message))
  return {
    paths: files.split(',').flatMap(name => name.trim() || []),
    periodMs: Number(periodNs / 1_000_000n),
  }
}

/** Takes out known keys without a value: as with Loki, they are the default. */
function withoutEmptyKeys(raw: unknown): unknown {
  for (const [name, schema] of Object.entries(blockSchemas)) {
    const block = name === '' ? raw : (raw as Record<string, unknown> | null)?.[name]
    dropEmptyKeys(block, schema)
  }
  return raw
}
