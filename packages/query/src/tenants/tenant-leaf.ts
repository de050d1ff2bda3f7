// A leaf over several tenants: what each of them is asked, and the result of all. The tenant's label is added to what a
// tenant found, after the pipeline has run, as in Loki: stages do not see it, and the aggregations of the engine do.

import { formatLabelSet, type LabelSet, type Matcher, parseLabelSet } from '@skald/wire'
import { mergeLeafResults } from '../leaf/leaf.ts'
import type { CategorizedLabels } from '../pipeline/labels.ts'
import type {
  FoundGaps,
  FoundLogs,
  FoundPatterns,
  FoundSamples,
  FoundVolumes,
  GapMark,
  LeafResult,
} from '../plan/leaf-result.ts'
import type { Leaf, SampleLeaf, VolumeLeaf } from '../plan/log-source.ts'
import { hasTenantLabel, keepStored, storedName, tenantLabel, withTenant } from './tenant-label.ts'

/** What one tenant found. */
export interface TenantResult {
  readonly tenant: string
  readonly result: LeafResult
}

/**
 * Returns the leaf that each tenant is asked.
 *
 * @param matchers Those of the leaf that are for stored labels.
 */
export function leafOfTenant(leaf: Leaf, matchers: readonly Matcher[]): Leaf {
  switch (leaf.kind) {
    case 'logs':
    case 'patterns':
      return { ...leaf, matchers, log: { ...leaf.log, matchers } }
    case 'samples': {
      const { grouping, ...rest } = leaf
      const { range } = leaf
      return {
        ...{ ...rest, matchers },
        range: {
          ...{ ...range, log: { ...range.log, matchers } },
          ...(range.grouping && { grouping: storedGrouping(range.grouping) }),
        },
        ...(grouping && { grouping: storedGrouping(grouping) }),
      }
    }
    case 'volume': {
      const { by, names } = leaf.grouping
      return { ...leaf, matchers, grouping: { by, names: names && storedNames(names) } }
    }
  }
}

type Grouping = NonNullable<SampleLeaf['grouping']>

function storedGrouping({ without, labels }: Grouping): Grouping {
  return { without, labels: storedNames(labels) }
}

function storedNames(names: readonly string[]): string[] {
  return names.filter(name => name !== tenantLabel).map(storedName)
}

/**
 * Merges what the tenants found.
 *
 * @param leaf As the engine asked it.
 * @param before What other tenants found, already merged.
 * @throws LimitExceededError if they have too many series in total.
 */
export function mergeTenants(
  leaf: Leaf,
  parts: readonly TenantResult[],
  before?: LeafResult,
): LeafResult {
  const own = parts.map(part => labelled(leaf, part))
  const merged = mergeLeafResults(leaf, before ? [before, ...own] : own)
  const told = [
    ...(before?.warnings ?? []),
    ...parts.flatMap(({ result }) => result.warnings ?? []),
  ]
  const warnings = [...new Set(told)]
  const gaps = mergeGaps(parts, before?.gaps)
  return { ...merged, ...(warnings.length > 0 && { warnings }), ...(gaps && { gaps }) }
}

function labelled(leaf: Leaf, { tenant, result }: TenantResult): LeafResult {
  switch (result.kind) {
    case 'logs':
      return { ...result, found: labelledLogs(result.found, tenant) }
    case 'patterns':
      return { ...result, found: labelledPatterns(result.found, tenant) }
    case 'samples':
      return { ...result, found: labelledSamples(leaf as SampleLeaf, result.found, tenant) }
    case 'volume':
      return { ...result, found: labelledVolumes(leaf as VolumeLeaf, result.found, tenant) }
  }
}

/** Entries share labels, so each object is changed once. They keep the key of the stored stream, which orders them. */
function labelledLogs({ entries }: FoundLogs, tenant: string): FoundLogs {
  const known = new Map<CategorizedLabels, CategorizedLabels>()
  const labelsOf = (labels: CategorizedLabels) => {
    const found = known.get(labels) ?? entryLabels(labels, tenant)
    known.set(labels, found)
    return found
  }
  return {
    entries: entries.map(entry => ({ ...entry, tenant, labels: labelsOf(entry.labels) })),
  }
}

/** A label of the same name may also come from structured metadata or from a parser. */
function entryLabels(labels: CategorizedLabels, tenant: string): CategorizedLabels {
  const { stream, metadata, parsed } = labels
  const isRenamed = [stream, metadata, parsed].some(hasTenantLabel)
  return {
    stream: withTenant(keepStored(stream, isRenamed), tenant),
    metadata: keepStored(metadata, isRenamed),
    parsed: keepStored(parsed, isRenamed),
  }
}

function labelledPatterns({ streams, linesLeft }: FoundPatterns, tenant: string): FoundPatterns {
  const keyOf = streamKeys(tenant)
  return { streams: streams.map(one => ({ ...one, stream: keyOf(one.stream) })), linesLeft }
}

function labelledSamples(
  { grouping, range }: SampleLeaf,
  { series }: FoundSamples,
  tenant: string,
): FoundSamples {
  const change = labelsChange(range.grouping ?? grouping, tenant)
  return { series: series.map(one => ({ ...one, labels: change(one.labels) })) }
}

/** Returns how the labels of a tenant's series become those of the answer. */
function labelsChange(grouping: Grouping | undefined, tenant: string) {
  const isKept = !grouping || grouping.without !== grouping.labels.includes(tenantLabel)
  return isKept
    ? (labels: LabelSet) => withTenant(labels, tenant)
    : (labels: LabelSet) => keepStored(labels, hasTenantLabel(labels))
}

function labelledVolumes(
  { grouping: { by, names } }: VolumeLeaf,
  { groups, cells }: FoundVolumes,
  tenant: string,
): FoundVolumes {
  // Groups by names say how much has a label, whatever its value.
  const isKept = by === 'values' && (!names || names.includes(tenantLabel))
  const change = (labels: LabelSet) =>
    isKept ? withTenant(labels, tenant) : keepStored(labels, hasTenantLabel(labels))
  return { groups: groups.map(change), cells }
}

function mergeGaps(
  parts: readonly TenantResult[],
  before: FoundGaps | undefined,
): FoundGaps | undefined {
  const own = parts.flatMap(({ tenant, result }) => {
    if (!result.gaps) return []
    const keyOf = streamKeys(tenant)
    const marks = result.gaps.marks.map(
      (mark): GapMark => ({ ...mark, streamKey: keyOf(mark.streamKey) }),
    )
    return [{ marks, hasMore: result.gaps.hasMore }]
  })
  const found = before ? [before, ...own] : own
  if (found.length === 0) return undefined
  return {
    marks: found.flatMap(({ marks }) => marks),
    hasMore: found.some(({ hasMore }) => hasMore),
  }
}

/** Returns a function that adds the tenant to the canonical labels of a stream. */
function streamKeys(tenant: string): (key: string) => string {
  const known = new Map<string, string>()
  return key => {
    const found = known.get(key) ?? formatLabelSet(withTenant(parseLabelSet(key), tenant))
    known.set(key, found)
    return found
  }
}
