// What each part of the torture gets, and what it reports.

export interface PartOptions {
  readonly seed: number
  /** `undefined` means the long form. */
  readonly rounds: number | undefined
  readonly minutes: number
  /** A directory for the part, which may not exist yet. */
  readonly dir: string
}

export interface PartReport {
  /** What was done, in numbers and words. */
  readonly counts: string
  readonly problems: readonly string[]
}
