// Reads and checks the overrides files that `runtime_config` names: the limits of single tenants.

import { ConfigError, type ConfigProblem } from '@skald/wire'
import { loadStoreConfig } from './config.ts'
import { checkValue } from './config-check.ts'
import { type ConfigDocument, dropEmptyKeys, readYaml } from './config-document.ts'
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

/**
 * Reads an overrides file.
 * @throws ConfigError with every mistake and its place.
 */
export function readOverridesFile(
  text: string,
  path: string,
  { rawLimits, mayDelete }: OverridesFileOptions,
): OverridesFile {
  const document = readYaml(text, path)
  const overrides = checkedTenants(document, path)
  const problems: ConfigProblem[] = []
  const idleKeys = ['multi_kv_config', 'configs']
    .filter(key => Object.hasOwn((document.value ?? {}) as object, key))
    .map(key => document.problemAt([key], key))
  for (const [tenant, keys] of Object.entries(overrides)) {
    const at = ['overrides', tenant]
    const nameOf = (inner: readonly string[]) => [...at, ...inner].join('.')
    for (const { kind, keys: inner, message } of findingsOf(keys)) {
      const name = nameOf(inner)
      const found = kind === 'idle' ? idleKeys : problems
      const words = kind === 'idle' ? name : `${name}: ${message}`
      found.push(document.problemAt([...at, ...inner], words))
    }
    const report = (key: string, message: string) => {
      problems.push(document.problemAt([...at, key], `${nameOf([key])}: ${message}`))
    }
    resolveLimits({ ...rawLimits, ...keys }, { mayDelete, report })
  }
  if (problems.length > 0) throw new ConfigError({ path, problems })
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

function checkedTenants(document: ConfigDocument, path: string): Tenants {
  const file = (document.value ?? {}) as { overrides?: Record<string, Partial<RawLimits> | null> }
  dropEmptyKeys(file, overridesSchema)
  const { overrides = {} } = file
  const limitsSchema = overridesSchema.properties.overrides.additionalProperties
  if (typeof overrides === 'object') {
    for (const [tenant, keys] of Object.entries(overrides)) {
      if (keys === null) overrides[tenant] = {}
      dropEmptyKeys(keys, limitsSchema)
    }
  }
  const mistakes = checkValue(file, overridesSchema)
  if (mistakes.length === 0) return overrides as Tenants
  const problems = mistakes.map(({ keys, message }) => document.problemAt(keys, message))
  throw new ConfigError({ path, problems })
}
