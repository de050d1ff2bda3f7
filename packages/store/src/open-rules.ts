// Opens the ruler of a store, if its configuration has one. Its code is loaded only then.

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

/** Returns the ruler, which has not started, and what its routes need; `undefined` if there is none. */
export async function openRules(
  parts: RulesParts,
): Promise<(RulesService & { readonly ruler: Ruler }) | undefined> {
  const { loaded, logger, clock, storage, metrics, limitsOf, version } = parts
  const { ruler: config, dataDir } = loaded.config
  const { local, keepRequests } = storage
  if (!config || !local) return undefined
  const [{ Ruler }, text, json] = await Promise.all([
    import('./rules/ruler.ts'),
    import('./rules/rule-text.ts'),
    import('./rules/rules-json.ts'),
  ])
  const ruler = new Ruler({
    ...{ config, dataDir, logger, clock, limitsOf, version },
    kept: local.openRules(),
    keep: keepRequests,
    registry: metrics.registry,
    openSource: parts.openSource(),
  })
  const { formatGroup, formatNamespaces } = text
  const { formatRules, formatAlerts } = json
  return { ruler, formatGroup, formatNamespaces, formatRules, formatAlerts }
}
