// What label and series requests read of the catalog, for one tenant or several. With several, every stream has the
// tenant's label, and matchers on it choose tenants, as in queries of lines.

import { setImmediate } from 'node:timers/promises'
import { chooseTenants, keptTenantLabel, storedName, tenantLabel, withTenant } from '@skald/query'
import { ascending, formatLabelSet, type LabelSet, type Matcher } from '@skald/wire'
import type { Catalog, TimeRange } from '../catalog/catalog.ts'

/** The catalog of the tenants of a request. */
export interface StreamReader {
  /** Returns the sorted label names of the streams that were active on the days of a range. */
  labelNames(range: TimeRange): Promise<string[]>
  /** Returns the sorted values of one label of those streams. */
  labelValues(name: string, range: TimeRange): Promise<string[]>
  /**
   * Returns the streams that match all matchers and were active in a range: canonical text → labels.
   *
   * @param onCount Called with the number of a tenant's streams before their labels are read. It may throw.
   */
  findStreams(
    matchers: readonly Matcher[],
    range: TimeRange,
    onCount?: (count: number) => void,
  ): Promise<ReadonlyMap<string, LabelSet>>
}

/** Opens the reader of one or more tenants. */
export function openStreamReader(catalog: Catalog, tenants: readonly string[]): StreamReader {
  const [only] = tenants
  return tenants.length === 1 && only !== undefined
    ? readerOfOne(catalog, only)
    : readerOfSeveral(catalog, tenants)
}

function readerOfOne(catalog: Catalog, tenant: string): StreamReader {
  return {
    labelNames: range => catalog.labelNames(tenant, range),
    labelValues: (name, range) => catalog.labelValues(tenant, name, range),
    findStreams: (...asked) => catalog.findStreams(tenant, ...asked),
  }
}

/** The catalog is synchronous, so other requests run between two tenants. */
function readerOfSeveral(catalog: Catalog, tenants: readonly string[]): StreamReader {
  const findStreams: StreamReader['findStreams'] = async (matchers, range, onCount) => {
    const chosen = chooseTenants(tenants, matchers)
    const found = new Map<string, LabelSet>()
    for (const tenant of chosen.tenants) {
      await setImmediate()
      const own = await catalog.findStreams(tenant, chosen.matchers, range, onCount)
      for (const labels of own.values()) {
        const changed = withTenant(labels, tenant)
        found.set(formatLabelSet(changed), changed)
      }
    }
    return found
  }
  return {
    findStreams,
    labelNames: async range => {
      const found = new Set<string>()
      for (const tenant of tenants) {
        await setImmediate()
        for (const name of await catalog.labelNames(tenant, range)) {
          found.add(name === tenantLabel ? keptTenantLabel : name)
        }
      }
      return [...found, tenantLabel].sort(ascending)
    },
    labelValues: async (name, range) => {
      if (name === tenantLabel) return [...tenants]
      const found = new Set<string>()
      for (const tenant of tenants) {
        await setImmediate()
        const values = await catalog.labelValues(tenant, storedName(name), range)
        for (const value of values) found.add(value)
      }
      return [...found].sort(ascending)
    },
  }
}
