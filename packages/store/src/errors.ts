// The store's errors that callers catch. Each has a stable `code`; http/server.ts maps codes to
// HTTP statuses.

import { type ConfigProblem, formatProblem } from '@skald/wire'

/** Thrown when stored bytes are damaged. */
export class CorruptionError extends Error {
  readonly code = 'CORRUPTION'
  readonly segment: string
  readonly offsetBytes: number

  constructor(
    why: string,
    options: ErrorOptions & { readonly segment: string; readonly offsetBytes: number },
  ) {
    const { segment, offsetBytes } = options
    super(`Cannot read segment ${segment} at byte ${offsetBytes}: ${why}`, options)
    this.name = 'CorruptionError'
    this.segment = segment
    this.offsetBytes = offsetBytes
  }
}

/**
 * Thrown when a push is rejected completely or in part. Status and text are those that Loki's
 * clients expect.
 */
export class PushRejectedError extends Error {
  readonly code = 'PUSH_REJECTED'
  readonly status: number
  /** Seconds after which to retry; absent if a retry is pointless. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    message: string,
    options: ErrorOptions & { readonly status: number; readonly retryAfterSeconds?: number },
  ) {
    super(message, options)
    this.name = 'PushRejectedError'
    this.status = options.status
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Thrown when a request parameter or header is invalid. The client gets `message`. */
export class BadRequestError extends Error {
  readonly code = 'BAD_REQUEST'
  readonly status: number

  constructor(message: string, options?: ErrorOptions & { readonly status?: number }) {
    super(message, options)
    this.name = 'BadRequestError'
    this.status = options?.status ?? 400
  }
}

/** Thrown with all mistakes of a configuration file. */
export class ConfigError extends Error {
  readonly code = 'CONFIG'
  readonly path: string
  readonly problems: readonly ConfigProblem[]

  constructor(path: string, problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(problem => formatProblem(path, problem)).join('\n'), options)
    this.name = 'ConfigError'
    this.path = path
    this.problems = problems
  }
}

/** Thrown when the data directory cannot be written at the moment. Reads still work. */
export class StorageUnavailableError extends Error {
  readonly code = 'STORAGE_UNAVAILABLE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StorageUnavailableError'
  }
}
