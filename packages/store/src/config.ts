// Reads the store's YAML: converts it to numbers with units, reports every mistake with its place,
// and lists the keys that have no meaning here.

import {
  ConfigError,
  type ConfigProblem,
  type Environment,
  expandEnvironment,
  expansionNotes,
  isOtherProgram,
  parseWrittenDuration,
  parseYaml,
  type YamlCursor,
} from '@skald/config-reading'
import { createSchemaReader } from '@skald/config-reading/schema-reader'
import { nsPerMs, parseConfigBytes } from '@skald/go-dialect'
import type { LogFormat, LogLevel } from '@skald/wire'
import type { AuthConfig } from './auth/auth-config.ts'
import { resolveAuth } from './auth/resolve-auth.ts'
import type { BucketConfig } from './bucket-config.ts'
import type { CatalogConfig } from './catalog-config.ts'
import { resolveLimits, withOlderDeletes } from './config-limits.ts'
import { blockSchemas, type RawStoreConfig, storeConfigSchema } from './config-schema.ts'
import { defaultMaxMemory } from './memory/memory-plan.ts'
import type { ReceiversConfig } from './receivers-config.ts'
import { resolveBucket } from './resolve-bucket.ts'
import { resolveCatalog } from './resolve-catalog.ts'
import { resolveReceivers } from './resolve-receivers.ts'
import { resolveRuler } from './resolve-ruler.ts'
import type { RulerConfig } from './ruler-config.ts'
import { type BucketForm, bucketBlocks, bucketFormOf } from './settings/bucket-in-use.ts'
import { judgeSettings, unfollowedPathTo } from './settings/judge.ts'
import { valueAt, type WrittenFile } from './settings/setting.ts'
import type { TenantLimits } from './tenant-limits.ts'
import { resolveTls } from './tls/resolve-tls.ts'
import type { TlsConfig } from './tls/tls-config.ts'

/** The resolved configuration of a store. */
export interface StoreConfig {
  /** Whether the tenant comes from the header X-Scope-OrgID. If not, it is `fake`, like in Loki. */
  readonly authEnabled: boolean
  /** Whether a query may read several tenants. */
  readonly mayJoinTenants: boolean
  /** Who may come in; `undefined` for everybody. */
  readonly auth: AuthConfig | undefined
  /** Resident memory that the process may take; 0 for no limit. */
  readonly maxMemoryBytes: number
  /** Empty for all addresses. */
  readonly listenAddress: string
  /** 0 picks a free port. */
  readonly listenPort: number
  readonly httpPathPrefix: string
  /** `undefined` for plain HTTP. */
  readonly tls: TlsConfig | undefined
  /** How long the body of a request may pause. */
  readonly httpReadTimeoutMs: number
  /** How long the head of a request may take to arrive. */
  readonly httpHeadTimeoutMs: number
  /** How long a connection may wait for its next request. */
  readonly httpIdleTimeoutMs: number
  /** Maximum number of connections; 0 for no limit. */
  readonly connectionsMax: number
  /** Whether to serve /metrics. */
  readonly hasMetrics: boolean
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  readonly dataDir: string
  /** `undefined` if all lines are in local files. */
  readonly bucket: BucketConfig | undefined
  /** The catalog that replicas share; `undefined` if it is on the local disk. */
  readonly catalog: CatalogConfig | undefined
  /** `undefined` if no rules are evaluated. */
  readonly ruler: RulerConfig | undefined
  /** Whether to delete entries past their retention period. */
  readonly mayDelete: boolean
  readonly deletes: DeletesConfig
  /** Retention by size and by free space. */
  readonly space: SpaceConfig
  /** Whether to serve the page at `/`. */
  readonly hasPage: boolean
  /** Whether to serve patterns. */
  readonly hasPatterns: boolean
  readonly limits: TenantLimits
  readonly overrides: OverridesFiles
  /** Receivers with separate ports. */
  readonly receivers: ReceiversConfig
}

/** Settings of delete requests. */
export interface DeletesConfig {
  /** How long a request can be cancelled before its entries are removed. */
  readonly cancelPeriodMs: number
  /** Longest allowed `max_interval`; 0 for no limit. */
  readonly maxIntervalNs: bigint
}

/** Settings of retention by size and by free space. */
export interface SpaceConfig {
  /** Of all segments; 0 for no limit. */
  readonly maxBytes: number
  /** `undefined` for the default, 0 to ignore the free space. */
  readonly minFreeBytes: number | undefined
  /** Younger entries are never deleted for size or free space. */
  readonly minAgeMs: number
}

/** Files with limits of single tenants. */
export interface OverridesFiles {
  /** Empty if no tenant has its own limits. Keys of later files win. */
  readonly paths: readonly string[]
  /** How often to read them again; 0 for never. */
  readonly periodMs: number
}

/** A configuration, and what to report to the operator about it. */
export interface LoadedStoreConfig {
  readonly config: StoreConfig
  /** Settings that may be mistakes. The store starts and logs each of them. */
  readonly doubts: readonly ConfigProblem[]
  /** The keys that have no meaning here, with their places. Each message is the path of the key. */
  readonly idleKeys: readonly ConfigProblem[]
  /** Where the file names its overrides files. Has no message. */
  readonly overridesPlace: ConfigProblem
  /** The file with its defaults filled in. */
  readonly raw: RawStoreConfig
}

/** Records a mistake in a key of a block. */
type Report = (block: string, key: string, message: string) => void

/**
 * Reads a configuration.
 *
 * @param env Variables to expand in the text, if `-config.expand-env` is set.
 * @throws ConfigError with every mistake and its place.
 */
export function loadStoreConfig(
  written: string,
  path: string,
  env?: Environment,
): LoadedStoreConfig {
  const expanded = env && expandEnvironment(written, env)
  try {
    return readStoreConfig(expanded ?? written, path)
  } catch (error) {
    throw withNotes(error, expansionNotes(written, expanded))
  }
}

function withNotes(error: unknown, note: (problem: ConfigProblem) => ConfigProblem): unknown {
  if (!(error instanceof ConfigError)) return error
  return new ConfigError({ path: error.path, problems: error.problems.map(note) }, { cause: error })
}

function readStoreConfig(text: string, path: string): LoadedStoreConfig {
  const { root, problems } = parseYaml(text)
  if (problems.length > 0 || isOtherProgram(root, 'store'))
    throw new ConfigError({ path, problems })
  const form = bucketFormOf((root.value ?? {}) as WrittenFile)
  // The schema says that lines go to the bucket.
  const findings = judgeSettings(root.value ?? {}).filter(
    ({ kind, keys }) => kind !== 'idle' || form === undefined || keys.join('.') !== 'schema_config',
  )
  const findingsOf = (kind: string) =>
    findings
      .filter(finding => finding.kind === kind)
      .map(({ keys, message }) => {
        const words = [nameOf(keys), message].filter(Boolean).join(': ')
        return root.at(keys).remarkAtKey(words)
      })
  const written = readFile(root) as RawStoreConfig | undefined
  problems.push(...findingsOf('error'))
  const raw = written && withOlderKeys(written, root)
  const report: Report = (block, key, message) => {
    root
      .at([...block.split('.'), ...key.split('.')])
      .failAtKey(`${nameOf([block, ...key.split('.')])}: ${message}`)
  }
  const bucket = raw && form && readBucket(raw, form, root)
  const config = raw && resolve(raw, bucket, { report, file: root.value })
  if (problems.length > 0) throw new ConfigError({ path, problems: inFileOrder(problems) })
  return {
    config: config!,
    raw: raw!,
    doubts: findingsOf('doubt'),
    idleKeys: inFileOrder(findingsOf('idle')),
    overridesPlace: root
      .at(raw?.runtime_config.file ? ['runtime_config', 'file'] : olderOverridesKey)
      .remarkAtKey(''),
  }
}

/** Path of the older key that names overrides files. */
const olderOverridesKey = ['limits_config', 'per_tenant_override_config']

/** Formats a path like `schema_config.configs[0].store`. */
function nameOf(keys: readonly string[]): string {
  return keys.join('.').replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]')
}

function inFileOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

/** Reads the file and fills in its defaults. A bad key counts as not set, so that one run finds every mistake. */
const readFile = createSchemaReader(storeConfigSchema, { findKey: findKeyElsewhere })

/** Finds a key by its name in any block: one that is followed, otherwise one that is not. */
function findKeyElsewhere(name: string): string | undefined {
  for (const [block, { properties }] of Object.entries(blockSchemas)) {
    const found = (properties as Readonly<Record<string, { isUnfollowed?: boolean }>>)[name]
    if (found && !found.isUnfollowed) return block === '' ? name : `${block}.${name}`
  }
  return unfollowedPathTo(name)
}

/** Reads the bucket. Reports mistakes where the key is written, or at the block that is written. */
function readBucket(raw: RawStoreConfig, form: BucketForm, root: YamlCursor): BucketConfig {
  const isWritten = (path: string) => valueAt(root.value, path) !== undefined
  const blocks = bucketBlocks[form].toReversed()
  return resolveBucket(raw, form, (key, message) => {
    const block = blocks.find(path => isWritten(`${path}.${key}`)) ?? blocks.find(isWritten)
    const keys = block ? block.split('.') : periodOf(root.value)
    if (block && isWritten(`${block}.${key}`)) keys.push(key)
    root.at(keys).failAtKey(`${block ?? blocks[0]}.${key}: ${message}`)
  })
}

/** Returns the path of the key that asks for a bucket. */
function periodOf(file: unknown): string[] {
  const periods = valueAt(file, 'schema_config.configs') as readonly unknown[]
  return ['schema_config', 'configs', String(periods.length - 1), 'object_store']
}

function resolve(
  config: RawStoreConfig,
  bucket: BucketConfig | undefined,
  { report, file }: { readonly report: Report; readonly file: unknown },
): StoreConfig {
  const { server, compactor } = config
  const serverMs = (key: keyof typeof server & `http_server_${string}`) => milliseconds(server[key])
  const httpReadTimeoutMs = serverMs('http_server_read_timeout')
  return {
    authEnabled: config.auth_enabled,
    mayJoinTenants: config.querier.multi_tenant_queries_enabled,
    auth: readAuth(config, file, report),
    maxMemoryBytes:
      config.max_memory === null ? defaultMaxMemory() : parseConfigBytes(String(config.max_memory)),
    listenAddress: server.http_listen_address,
    listenPort: server.http_listen_port,
    httpReadTimeoutMs,
    httpHeadTimeoutMs: serverMs('http_server_read_header_timeout') || httpReadTimeoutMs,
    httpIdleTimeoutMs: serverMs('http_server_idle_timeout') || httpReadTimeoutMs,
    connectionsMax: server.http_listen_conn_limit,
    hasMetrics: server.register_instrumentation,
    httpPathPrefix: server.http_path_prefix.replace(/\/+$/, ''),
    tls: resolveTls(server, (key, message) => report('server', key, message)),
    logLevel: server.log_level,
    logFormat: server.log_format,
    dataDir: dataDirOf(config),
    bucket,
    catalog: resolveCatalog(config, bucket, report),
    ruler: resolveRuler(config, file, report),
    mayDelete: compactor.retention_enabled,
    deletes: resolveDeletes(config),
    space: resolveSpace(config),
    hasPage: config.page.enabled,
    hasPatterns: config.pattern_ingester.enabled,
    limits: resolveLimits(config.limits_config, {
      mayDelete: compactor.retention_enabled,
      report: (key, message) => report('limits_config', key, message),
    }),
    overrides: resolveOverrides(config),
    receivers: resolveReceivers(config, report),
  }
}

/** A block without content is not the same as none: nobody may come in by a mistake. */
function readAuth(config: RawStoreConfig, file: unknown, report: Report): AuthConfig | undefined {
  if (!Object.hasOwn((file ?? {}) as object, 'auth')) return undefined
  return resolveAuth(config.auth, {
    authEnabled: config.auth_enabled,
    isEmpty: ['auth.users.0', 'auth.tokens.0', 'auth.oidc.issuer'].every(
      path => !valueAt(file as WrittenFile, path),
    ),
    report: (key, message) => report('auth', key, message),
  })
}

function dataDirOf({ common, storage_config: storage }: RawStoreConfig): string {
  return (
    common.path_prefix ||
    storage.filesystem?.directory ||
    common.storage.filesystem?.chunks_directory ||
    './data'
  )
}

function resolveDeletes({ compactor }: RawStoreConfig): DeletesConfig {
  return {
    cancelPeriodMs: milliseconds(compactor.delete_request_cancel_period),
    maxIntervalNs: parseWrittenDuration(compactor.delete_max_interval),
  }
}

function resolveSpace({ compactor }: RawStoreConfig): SpaceConfig {
  const { retention_min_free_bytes: minFree } = compactor
  return {
    maxBytes: parseConfigBytes(String(compactor.retention_max_bytes)),
    minFreeBytes: minFree === null ? undefined : parseConfigBytes(String(minFree)),
    minAgeMs: milliseconds(compactor.retention_min_age),
  }
}

function milliseconds(duration: string | number): number {
  return Number(parseWrittenDuration(duration) / nsPerMs)
}

/** Applies older key names where the keys that replaced them are not set. */
function withOlderKeys(config: RawStoreConfig, root: YamlCursor): RawStoreConfig {
  const { table_manager: manager, compactor, chunk_store_config: chunks } = config
  const isUnset = (period: string | number) => /^0[a-z]*$/.test(String(period))
  const limits = withOlderDeletes(config.limits_config, {
    isWritten: root.get('limits_config')?.has('deletion_mode') ?? false,
    older: compactor.deletion_mode,
  })
  const deletesByTable = manager.retention_deletes_enabled
  return {
    ...config,
    compactor: {
      ...compactor,
      retention_enabled: compactor.retention_enabled || deletesByTable,
    },
    limits_config: {
      ...limits,
      ...(deletesByTable &&
        isUnset(limits.retention_period) && { retention_period: manager.retention_period }),
      ...(isUnset(limits.max_query_lookback) && {
        max_query_lookback: chunks.max_look_back_period,
      }),
    },
  }
}

/** Finds the overrides files: in `runtime_config`, or in the older keys of `limits_config`. */
function resolveOverrides({
  runtime_config: runtime,
  limits_config: limits,
}: RawStoreConfig): OverridesFiles {
  const isOld = runtime.file === '' && limits.per_tenant_override_config !== ''
  const files = isOld ? limits.per_tenant_override_config : runtime.file
  return {
    paths: files.split(',').flatMap(name => name.trim() || []),
    periodMs: milliseconds(isOld ? limits.per_tenant_override_period : runtime.period),
  }
}
