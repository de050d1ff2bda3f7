// The configuration in force, as `/config` shows it: the followed keys with defaults and flags.
// Other keys are left out, and with them the passwords of storages that nothing uses.

import type { AuthConfig, Identity } from './auth/auth-config.ts'
import type { LoadedStoreConfig } from './config.ts'
import { blockSchemas } from './config-schema.ts'
import { defaultRates } from './limits.ts'
import { hiddenSecret, shownBucket } from './resolve-bucket.ts'
import { withoutSecrets } from './resolve-ruler.ts'
import type { RulerConfig } from './ruler-config.ts'

/**
 * Returns the configuration in force, with the key names of the file.
 *
 * @param space Bytes that retention keeps free on this file system; absent if there is no store yet.
 */
export function configInForce(
  { config, raw }: LoadedStoreConfig,
  logLevel: string,
  space?: { readonly minFreeBytes: number },
): object {
  const followed = followedOf(raw, '') as Record<string, Record<string, unknown>>
  const { bucket } = config
  const { http_tls_config: tls } = raw.server
  const { retention_delete_delay, ...compactor } = followed.compactor!
  const { skald, ruler, ruler_storage, auth: _, ...blocks } = followed
  const ours = bucket ? skaldInForce(config, skald!) : {}
  return {
    ...blocks,
    target: 'all',
    auth_enabled: config.authEnabled,
    ...(config.auth && { auth: authInForce(config.auth) }),
    max_memory: config.maxMemoryBytes,
    server: {
      ...followed.server,
      http_listen_address: config.listenAddress,
      http_listen_port: config.listenPort,
      http_path_prefix: config.httpPathPrefix,
      log_level: logLevel,
      log_format: config.logFormat,
      http_tls_config: { ...tls, ...(tls.key !== '' && { key: hiddenSecret }) },
    },
    common: { path_prefix: config.dataDir },
    ...(config.ruler && { ruler: rulerInForce(config.ruler, ruler!) }),
    ...(bucket && {
      storage_config: { object_prefix: bucket.prefix, aws: shownBucket(bucket) },
      ...(Object.keys(ours).length > 0 && { skald: ours }),
    }),
    compactor: {
      ...compactor,
      ...(bucket && { retention_delete_delay }),
      ...(space && { retention_min_free_bytes: space.minFreeBytes }),
    },
    runtime_config: overridesInForce(raw, config.overrides.paths),
    limits_config: {
      ...withoutNulls(withoutSecrets(followed.limits_config) as object),
      ...ratesInForce(config.authEnabled, raw),
    },
  }
}

/** Returns who may come in. Hashes of tokens are left out. */
function authInForce({ users, tokens, oidc, ...auth }: AuthConfig): object {
  const shown = ({ name, roles, tenants }: Identity) => ({
    ...{ name, roles: [...roles], tenants: [...tenants] },
  })
  return {
    htpasswd_file: auth.htpasswdFile ?? '',
    users: [...users.values()].map(shown),
    tokens: tokens.map(token => ({
      ...shown(token),
      ...(token.expiresMs !== undefined && { expires: new Date(token.expiresMs).toISOString() }),
    })),
    ...(oidc && {
      oidc: {
        issuer: oidc.issuer,
        audience: oidc.audiences,
        jwks_url: oidc.keysUrl ?? '',
        name_claim: oidc.nameClaim,
        tenants_claim: oidc.tenantsClaim,
        roles_claim: oidc.rolesClaim,
        role_mapping: Object.fromEntries(oidc.roleMapping),
        tenants: [...oidc.tenants],
        roles: [...oidc.roles],
      },
    }),
    public_metrics: auth.hasPublicMetrics,
    audit_tenant: auth.auditTenant ?? '',
  }
}

/** Returns the ruler with the directory that it reads, without secrets. */
function rulerInForce({ directory }: RulerConfig, ruler: Record<string, unknown>): object {
  const storage = { type: 'local', local: { directory } }
  return { ...(withoutSecrets(ruler) as object), storage }
}

/** Returns our own keys that have an effect, without secrets. */
function skaldInForce(
  { bucket, catalog }: LoadedStoreConfig['config'],
  { cache_max_bytes, commit_interval }: Record<string, unknown>,
): object {
  return {
    ...(bucket?.cacheMaxBytes !== undefined && { cache_max_bytes }),
    ...(catalog && {
      commit_interval,
      catalog: {
        postgres_url: hiddenSecret,
        postgres_password_file: catalog.passwordFile,
      },
    }),
  }
}

/** Keys that are shown under another key: older names, and where Loki kept its chunks. */
const shownElsewhere = new Set([
  ...['storage_config', 'table_manager', 'chunk_store_config'],
  ...['compactor.deletion_mode', 'limits_config.allow_deletes'],
  ...['limits_config.per_tenant_override_config', 'limits_config.per_tenant_override_period'],
])

/** Returns the followed keys of a block. */
function followedOf(value: object, block: string): object {
  const { properties } = blockSchemas[block]!
  const shown = Object.entries(value).flatMap(([key, inner]) => {
    const path = block === '' ? key : `${block}.${key}`
    const schema = (properties as Readonly<Record<string, { isUnfollowed?: boolean }>>)[key]
    if (schema === undefined || schema.isUnfollowed || shownElsewhere.has(path)) return []
    const isBlock = block === '' && Object.hasOwn(blockSchemas, key)
    return [[key, isBlock ? followedOf(inner, key) : inner]]
  })
  return Object.fromEntries(shown)
}

/** Leaves out keys that are not set and have no default. */
function withoutNulls(block: object): object {
  return Object.fromEntries(Object.entries(block).filter(([, value]) => value !== null))
}

function overridesInForce(
  { runtime_config: runtime, limits_config: limits }: LoadedStoreConfig['raw'],
  paths: readonly string[],
) {
  const isOld = runtime.file === '' && paths.length > 0
  return {
    file: paths.join(','),
    period: isOld ? limits.per_tenant_override_period : runtime.period,
  }
}

/**
 * Returns the rates in force. Without configured rates, there are defaults only if there are
 * tenants.
 */
function ratesInForce(authEnabled: boolean, { limits_config: limits }: LoadedStoreConfig['raw']) {
  const { tenantBytes, tenantBurstBytes, streamBytes, streamBurstBytes } = defaultRates
  const megabytes = (bytes: number) => bytes / (1024 * 1024)
  const rate = (bytes: number) => (authEnabled ? bytes : 0)
  return {
    ingestion_rate_mb: limits.ingestion_rate_mb ?? megabytes(rate(tenantBytes)),
    ingestion_burst_size_mb: limits.ingestion_burst_size_mb ?? megabytes(tenantBurstBytes),
    per_stream_rate_limit: limits.per_stream_rate_limit ?? rate(streamBytes),
    per_stream_rate_limit_burst: limits.per_stream_rate_limit_burst ?? streamBurstBytes,
  }
}
