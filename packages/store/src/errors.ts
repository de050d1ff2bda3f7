// The errors of the store that somebody catches. Each has a stable `code`; http/server.ts says which
// status a code becomes.

/** Says that stored bytes are not what was written. */
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

/** Says that a push is refused, in whole or in part, with the status and text a Loki client expects. */
export class PushRejectedError extends Error {
  readonly code = 'PUSH_REJECTED'
  readonly status: number
  /** Seconds after which a retry makes sense; absent where none does. */
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

/** Says that a request parameter or header cannot be used; `message` is what the client is told. */
export class BadRequestError extends Error {
  readonly code = 'BAD_REQUEST'
  readonly status: number

  constructor(message: string, options?: ErrorOptions & { readonly status?: number }) {
    super(message, options)
    this.name = 'BadRequestError'
    this.status = options?.status ?? 400
  }
}

/** Says that the data directory cannot be written at the moment; reads go on. */
export class StorageUnavailableError extends Error {
  readonly code = 'STORAGE_UNAVAILABLE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StorageUnavailableError'
  }
}
