// The source for queries that read several tenants: runs a leaf for each of them, as if it were alone, and merges what
// they found. The engine learns of the tenants only by their label.

import { maxBigint, minBigint } from '@skald/go-dialect'
import {
  chooseTenants,
  type Leaf,
  type LeafResult,
  type LogSource,
  leafOfTenant,
  mergeTenants,
  type TenantResult,
} from '@skald/query'
import { tenantLeavesAtOnce } from '../limits.ts'
import type { AnswerHold } from '../memory/answer-hold.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { type LogSourceParts, noLimits, selectOfTenant } from './log-source.ts'

export interface JoinedSourceParts {
  /** Sorted, without repetition. */
  readonly tenants: readonly string[]
  /** Returns the parts of a tenant's own source. */
  readonly partsOf: (tenant: string) => LogSourceParts
  /** The hold that the parts have. Gets back the memory of lines beyond the limit. */
  readonly hold?: AnswerHold | undefined
  /** How much a leaf may read of all tenants together; 0 for no limit. */
  readonly limits: Pick<TenantLimits, 'maxQueryBytesRead' | 'maxQuerierBytesRead'>
}

/** Creates the source. */
export function createJoinedSource(parts: JoinedSourceParts): LogSource {
  return {
    select: async (leaf, signal) => {
      const { tenants, matchers } = chooseTenants(parts.tenants, leaf.matchers)
      const joined = new JoinedResult(leaf, parts.hold)
      const own = leafOfTenant(leaf, matchers)
      const nextLeaf = () => joined.withoutKnown(own)
      for await (const found of selectOfEach(tenants, nextLeaf, { parts, signal }))
        joined.add(found)
      signal.throwIfAborted()
      return joined.result()
    },
  }
}

/**
 * What the tenants found so far. Each of them may have found as many lines as the answer may have, so those that will
 * not be in it go at once.
 */
class JoinedResult {
  readonly #leaf: Leaf
  readonly #hold: AnswerHold | undefined
  #merged: LeafResult | undefined
  readonly #rest: TenantResult[] = []
  /** What the hold has for the lines. */
  #heldBytes = 0

  constructor(leaf: Leaf, hold: AnswerHold | undefined) {
    this.#leaf = leaf
    this.#hold = hold
  }

  add(found: readonly Found[]): void {
    if (this.#leaf.kind !== 'logs') {
      this.#rest.push(...found)
      return
    }
    const before = this.#merged
    const merged = mergeTenants(this.#leaf, found, before)
    const bytes = found.reduce((sum, { result }) => sum + lineBytes(result), lineBytes(before))
    const held = found.reduce((sum, { usedBytes }) => sum + usedBytes, this.#heldBytes)
    const unused = bytes > 0 ? Math.floor(held * (1 - lineBytes(merged) / bytes)) : 0
    this.#hold?.giveResult(unused)
    this.#heldBytes = held - unused
    this.#merged = merged
  }

  /**
   * Returns a leaf for the next tenants: without the times whose lines would come after all that the answer has room for.
   * Lines of the last time itself may still change places with it.
   */
  withoutKnown(leaf: Leaf): Leaf {
    if (leaf.kind !== 'logs' || this.#merged?.kind !== 'logs') return leaf
    const { entries } = this.#merged.found
    const last = entries.at(-1)
    if (!last || entries.length < leaf.limit) return leaf
    return leaf.direction === 'backward'
      ? { ...leaf, startNs: maxBigint(leaf.startNs, last.timestampNs) }
      : { ...leaf, endNs: minBigint(leaf.endNs, last.timestampNs + 1n) }
  }

  result(): LeafResult {
    return this.#merged ?? mergeTenants(this.#leaf, this.#rest)
  }
}

/** Returns about how much memory the lines of a result take. */
function lineBytes(result: LeafResult | undefined): number {
  if (result?.kind !== 'logs') return 0
  return result.found.entries.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** The result of a tenant, and the memory that it was counted with. */
interface Found extends TenantResult {
  readonly usedBytes: number
}

/** Runs a leaf for each tenant, and yields those of a few at a time. If one fails, the others end too. */
async function* selectOfEach(
  tenants: readonly string[],
  nextLeaf: () => Leaf,
  { parts, signal }: { readonly parts: JoinedSourceParts; readonly signal: AbortSignal },
): AsyncGenerator<readonly Found[]> {
  const { maxQueryBytesRead, maxQuerierBytesRead } = parts.limits
  // What was read of one tenant counts for the next, so they run one by one, over all of the time.
  const isBounded = maxQueryBytesRead > 0 || maxQuerierBytesRead > 0
  const atOnce = isBounded ? 1 : tenantLeavesAtOnce
  const whole = nextLeaf()
  const controller = new AbortController()
  const either = AbortSignal.any([signal, controller.signal])
  let bytesBefore = 0
  const select = async (tenant: string, leaf: Leaf) => {
    const own = parts.partsOf(tenant)
    const { cardinalityLimit } = own.limits ?? noLimits
    const limits = { cardinalityLimit, maxQueryBytesRead, maxQuerierBytesRead, bytesBefore }
    const answer = await selectOfTenant({ tenant, leaf }, { ...own, limits }, either)
    return { tenant, ...answer }
  }
  try {
    for (let from = 0; from < tenants.length; from += atOnce) {
      const leaf = isBounded ? whole : nextLeaf()
      const few = tenants.slice(from, from + atOnce)
      const answers = await Promise.all(few.map(tenant => select(tenant, leaf)))
      for (const { chosenBytes } of answers) bytesBefore += chosenBytes
      yield answers
    }
  } finally {
    controller.abort()
  }
}
