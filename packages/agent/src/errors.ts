// The errors of this package that callers catch. Each has a stable `code`.

/** Thrown when the positions file is unusable. */
export class PositionsError extends Error {
  readonly code = 'POSITIONS_INVALID'
  readonly path: string
  /** True if the file is readable but damaged. */
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

/** Thrown when a discovery API rejects a request. */
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

/** Thrown when a system program that a source reads through cannot be run. */
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
  /** `null` if a signal ended it, or it never ran. */
  readonly exitCode: number | null

  /** @param end How it ended. Its complaint becomes the message. */
  constructor(end: { readonly exitCode: number | null; readonly complaint: string }) {
    super(end.complaint)
    this.name = 'WevtutilError'
    this.exitCode = end.exitCode
  }
}

/** Describes why something failed. If several addresses of a host were tried, gives the reason for each. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeError).join('; ')
  return error instanceof Error ? error.message : String(error)
}
