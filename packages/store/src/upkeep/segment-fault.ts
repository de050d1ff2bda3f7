// A fault that the check of a segment finds.

/** What of a segment is at fault. */
export type FaultyThing = 'header' | 'trailer' | 'footer' | 'block' | 'filters' | 'counts'

/** A fault of a segment. */
export interface SegmentFault {
  readonly thing: FaultyThing
  /** The place in words, such as `block 3 of {app="x"}, lines`. */
  readonly where: string
  readonly offsetBytes: number
  readonly what: string
  /** Lines that cannot be read because of it, if it says so. */
  readonly lines?: number
}
