// Changes of a catalog that several replicas share. Each is one transaction; applied in the order of their
// versions, they make every copy the same.

import type { CatalogPart, CatalogSegment } from './catalog.ts'
import type { DeleteRequest, DeleteState } from './delete-requests.ts'
import type { GroupNames, KeptGroup } from './kept-rules.ts'

/** A segment as a change adds it. When it was created, and the sequence of level 0, come from the transaction. */
export type AddedSegment = Omit<CatalogSegment, 'createdMs'>

/** Changes of delete requests. */
export type DeleteChange =
  | { readonly kind: 'delete-added'; readonly request: DeleteRequest }
  | {
      readonly kind: 'delete-state'
      readonly tenant: string
      readonly ids: readonly string[]
      readonly state: DeleteState
    }
  | { readonly kind: 'delete-removed'; readonly tenant: string; readonly id: string }
  | { readonly kind: 'deletes-forgotten'; readonly beforeMs: number }

/** Changes of rules made by API. */
export type RuleChange =
  | { readonly kind: 'rule-group-set'; readonly group: KeptGroup }
  | { readonly kind: 'rule-groups-removed'; readonly groups: readonly GroupNames[] }

/** One change. */
export type CatalogChange =
  | DeleteChange
  | RuleChange
  /** A commit, a merge, or a removal. */
  | {
      readonly kind: 'segments'
      readonly added: readonly AddedSegment[]
      readonly removed: readonly string[]
      /**
       * Whether the segments were found in the bucket. They are older than the change says. Those of level 0 have
       * versions of their own, the last of which is that of the change.
       */
      readonly areFound?: boolean
    }
  /** Everything of a tenant from before a day is gone. */
  | {
      readonly kind: 'expired'
      readonly tenant: string
      readonly day: number
      readonly removed: readonly string[]
    }
  /** The streams of a tenant's day are only these, if the day is in exactly these segments. */
  | {
      readonly kind: 'retained'
      readonly tenant: string
      readonly day: number
      readonly segments: readonly string[]
      readonly labelsTexts: readonly string[]
    }
  /** Segments whose objects are missing. */
  | { readonly kind: 'lost'; readonly removed: readonly string[] }
  /** Streams of segments that are entered next. */
  | { readonly kind: 'streams'; readonly parts: readonly CatalogPart[] }
  /** Nothing but a version that is higher than all before, the last of which is `from`. */
  | { readonly kind: 'jumped'; readonly from: number }

/** A change, and what its transaction gave it. */
export interface EnteredChange {
  readonly version: number
  /** 48 bits that tell it from the change of another history with the same version. 0 if they are not known. */
  readonly tag?: number
  /** By the clock of the database. */
  readonly enteredMs: number
  readonly change: CatalogChange
}

/** Returns how many versions a change takes. */
export function versionsOf(change: CatalogChange): number {
  if (change.kind !== 'segments' || !change.areFound) return 1
  return Math.max(1, change.added.filter(({ level }) => level === 0).length)
}
