// Opens the ruler of a store, if its configuration has one. Its code is loaded only then.

import assert from 'node:assert'
import type { LogSource } from '@skald/query'
import type { Logger } from 'pino'
import type { LoadedStoreConfig } from './config.ts'
import type { RulesService } from './http/rules-routes.ts'
import type { StoreMetrics } from './metrics.ts'
import type { Ruler } from './rules/ruler.ts'
import type { Storage } from './storage.ts'
import type { TenantLimits } from './tenant-limits.ts'

export interface RulesParts {
  readonly loaded: LoadedStoreConfig
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly storage: Storage
  readonly metrics: StoreMetrics
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly version: string
  /** Opens what queries of rules read. */
  readonly openSource: () => (tenant: string) => LogSource
}

/** A ruler that has not started, and what its routes need. */
export interface OpenRules extends RulesService {
  readonly ruler: Ruler
  /** To be called when other replicas may have changed rules. Absent if there are none. */
  readonly noteChanges: (() => void) | undefined
}

/** Returns the ruler; `undefined` if there is none. */
export async function openRules(parts: RulesParts): Promise<OpenRules | undefined> {
  const { loaded, logger, clock, storage, metrics, limitsOf, version } = parts
  const { ruler: config, dataDir } = loaded.config
  if (!config) return undefined
  const [{ Ruler }, text, json] = await Promise.all([
    import('./rules/ruler.ts'),
    import('./rules/rule-text.ts'),
    import('./rules/rules-json.ts'),
  ])
  const shared = await storage.replica?.openRules()
  const ruler = new Ruler({
    ...{ config, logger, clock, limitsOf, version },
    rules: shared ?? (await openLocalRules(storage, dataDir)),
    registry: metrics.registry,
    openSource: parts.openSource(),
  })
  const { formatGroup, formatNamespaces } = text
  const { formatRules, formatAlerts } = json
  return {
    ...{ ruler, formatGroup, formatNamespaces, formatRules, formatAlerts },
    noteChanges: shared && (() => shared.noteChanges()),
  }
}

async function openLocalRules({ local, keepRequests }: Storage, dataDir: string) {
  assert(local, 'a store that is no replica has a local catalog')
  const { LocalRules } = await import('./rules/local-rules.ts')
  return new LocalRules({ rules: local.rules, dataDir, keep: keepRequests })
}
