// The errors of this package that somebody catches. Each has a stable `code`.

import type { ConfigProblem as FoundProblem } from '@skald/wire'

/** One mistake of a configuration file. */
export interface ConfigProblem extends FoundProblem {
  /** Set where a stage, a target or a job can do nothing by the mistake, and all else works. */
  readonly isContained?: true
}

/** Says that the positions file cannot be used. */
export class PositionsError extends Error {
  readonly code = 'POSITIONS_INVALID'
  readonly path: string
  /** It can be read, but is not what was written. */
  readonly isTorn: boolean

  constructor(
    message: string,
    options: ErrorOptions & { readonly path: string; readonly isTorn?: boolean },
  ) {
    super(message, options)
    this.name = 'PositionsError'
    this.path = options.path
    this.isTorn = options.isTorn ?? false
  }
}

/** Says that an API which discovery asks has refused. */
export class ApiError extends Error {
  readonly code = 'API_REFUSED'
  readonly status: number
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    options: { readonly status: number; readonly retryAfterMs: number | undefined },
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Thrown when a program of the system that a source reads through cannot be run. */
export class ProgramMissingError extends Error {
  readonly code = 'PROGRAM_MISSING'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ProgramMissingError'
  }
}

/** Thrown when wevtutil, which reads Windows' event log, ends with an error. */
export class WevtutilError extends Error {
  readonly code = 'WEVTUTIL_FAILED'
  /** `null` where a signal ended it, or it never ran. */
  readonly exitCode: number | null

  /** @param end How it ended; its complaint is the message. */
  constructor(end: { readonly exitCode: number | null; readonly complaint: string }) {
    super(end.complaint)
    this.name = 'WevtutilError'
    this.exitCode = end.exitCode
  }
}

/** Says why something failed; where several addresses of a host were tried, why each of them did. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeError).join('; ')
  return error instanceof Error ? error.message : String(error)
}
