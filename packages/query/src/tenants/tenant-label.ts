// The label that says whose line it is, in the answers of queries that read several tenants. Names and rules are those
// of Loki's multi-tenant queries. The label is not stored, so matchers on it choose tenants.

import { compareLabelNames, type LabelSet, type Matcher } from '@skald/wire'
import { compileMatcher } from '@skald/wire/compile-matcher'

/** Name of the label. */
export const tenantLabel = '__tenant_id__'

/** What a stored label with that name is called in such answers. */
export const keptTenantLabel = 'original___tenant_id__'

/** The tenants that a selector chooses, and what their streams must match. */
export interface ChosenTenants {
  readonly tenants: readonly string[]
  readonly matchers: readonly Matcher[]
}

/**
 * Applies the matchers on the tenant's label, and returns the others, for stored labels.
 *
 * @throws RegexSyntaxError
 */
export function chooseTenants(
  tenants: readonly string[],
  matchers: readonly Matcher[],
): ChosenTenants {
  const onTenant = matchers.filter(({ name }) => name === tenantLabel).map(compileMatcher)
  return {
    tenants: tenants.filter(tenant => onTenant.every(accepts => accepts(tenant))),
    matchers: matchers
      .filter(({ name }) => name !== tenantLabel)
      .map(matcher => ({ ...matcher, name: storedName(matcher.name) })),
  }
}

/** Returns the stored name of a label that an answer has under this one. */
export function storedName(name: string): string {
  return name === keptTenantLabel ? tenantLabel : name
}

/** Adds the tenant to the labels of a stream or a series. */
export function withTenant(labels: LabelSet, tenant: string): LabelSet {
  const others = keepStored(labels, hasTenantLabel(labels))
  return [...others, { name: tenantLabel, value: tenant }].sort(compareLabelNames)
}

/** Returns true if a set has a stored label with the tenant label's name. */
export function hasTenantLabel(labels: LabelSet): boolean {
  return labels.some(({ name }) => name === tenantLabel)
}

/**
 * Renames a stored label with the tenant label's name.
 *
 * @param isRenamed Whether the labels of the entry have one: then it takes the place of any that has its new name.
 */
export function keepStored(labels: LabelSet, isRenamed: boolean): LabelSet {
  if (!isRenamed) return labels
  return labels
    .filter(({ name }) => name !== keptTenantLabel)
    .map(label => (label.name === tenantLabel ? { ...label, name: keptTenantLabel } : label))
    .sort(compareLabelNames)
}
