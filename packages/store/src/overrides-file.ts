// Reads and checks the overrides files that `runtime_config` names: the limits of single tenants.

import { ConfigError, type ConfigProblem, parseYaml } from '@skald/config-reading'
import { createSchemaReader } from '@skald/config-reading/schema-reader'
import { loadStoreConfig } from './config.ts'
import { resolveLimits, withOlderDeletes } from './config-limits.ts'
import { overridesSchema, type RawLimits } from './config-schema.ts'
import { judgeSettings } from './settings/judge.ts'

/** The content of an overrides file. */
export interface OverridesFile {
  /** Tenant → its limits as written. */
  readonly tenants: ReadonlyMap<string, Partial<RawLimits>>
  /** The keys that have no meaning here, with their places. Each message is the path of the key. */
  readonly idleKeys: readonly ConfigProblem[]
}

export interface OverridesFileOptions {
  /** Limits of all tenants, used for keys that the file does not set. */
  readonly rawLimits: RawLimits
  /** Whether retention periods take effect. */
  readonly mayDelete: boolean
}

type Tenants = Readonly<Record<string, Partial<RawLimits>>>

/** The content of a file. Tenants without a value have no limits of their own. */
interface RawOverrides {
  readonly overrides: Tenants
}

const readFile = createSchemaReader(overridesSchema)

/**
 * Reads an overrides file.
 * @throws ConfigError with every mistake and its place.
 */
export function readOverridesFile(
  text: string,
  path: string,
  { rawLimits, mayDelete }: OverridesFileOptions,
): OverridesFile {
  const { root, problems } = parseYaml(text)
  if (problems.length > 0) throw new ConfigError({ path, problems })
  const { overrides = {} } = (readFile(root) ?? {}) as Partial<RawOverrides>
  const idleKeys = ['multi_kv_config', 'configs']
    .filter(key => root.get(key))
    .map(key => root.at([key]).remarkAtKey(key))
  for (const [tenant, keys] of Object.entries(overrides)) {
    const at = ['overrides', tenant]
    const nameOf = (inner: readonly string[]) => [...at, ...inner].join('.')
    for (const { kind, keys: inner, message } of findingsOf(keys)) {
      const place = root.at([...at, ...inner])
      if (kind === 'idle') idleKeys.push(place.remarkAtKey(nameOf(inner)))
      else place.failAtKey(`${nameOf(inner)}: ${message}`)
    }
    const report = (key: string, message: string) => {
      root.at([...at, key]).failAtKey(`${nameOf([key])}: ${message}`)
    }
    resolveLimits({ ...rawLimits, ...keys }, { mayDelete, report })
  }
  if (problems.length > 0) {
    const inFileOrder = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
    throw new ConfigError({ path, problems: inFileOrder })
  }
  const tenants = Object.entries(overrides).map(
    ([tenant, keys]) =>
      [tenant, withOlderDeletes(keys, { isWritten: keys.deletion_mode !== undefined })] as const,
  )
  return { tenants: new Map(tenants), idleKeys }
}

/**
 * Checks an overrides file on its own, against the default limits.
 * @throws ConfigError with every mistake and its place.
 */
export function checkOverridesFile(text: string, path: string): readonly ConfigProblem[] {
  const { raw } = loadStoreConfig('', path)
  return readOverridesFile(text, path, { rawLimits: raw.limits_config, mayDelete: true }).idleKeys
}

/** Keys of `limits_config` that apply to all tenants alike. */
const sharedKeys = ['log_level_fields', 'per_tenant_override_config', 'per_tenant_override_period']

function findingsOf(keys: Partial<RawLimits>) {
  const shared = sharedKeys
    .filter(key => Object.hasOwn(keys, key))
    .map(key => ({ kind: 'idle', keys: [key], message: '' }) as const)
  return [...judgeSettings(keys, 'limits_config'), ...shared]
}
