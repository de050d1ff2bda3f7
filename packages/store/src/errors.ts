// The store's errors that callers catch. Each has a stable `code`; http/server.ts maps codes to
// HTTP statuses.

import { formatPrometheusDuration } from '@skald/go-dialect'

/** Thrown when stored bytes are damaged. */
export class CorruptionError extends Error {
  readonly code = 'CORRUPTION'
  readonly segment: string
  readonly offsetBytes: number
  /** What is wrong, without the place. */
  readonly why: string

  constructor(
    why: string,
    options: ErrorOptions & { readonly segment: string; readonly offsetBytes: number },
  ) {
    const { segment, offsetBytes } = options
    super(`Cannot read segment ${segment} at byte ${offsetBytes}: ${why}`, options)
    this.name = 'CorruptionError'
    this.segment = segment
    this.offsetBytes = offsetBytes
    this.why = why
  }
}

/**
 * Thrown when a push is rejected completely or in part. Status and text are those that Loki's
 * clients expect.
 */
export class PushRejectedError extends Error {
  readonly code:
    | 'PUSH_BODY_CUT'
    | 'PUSH_BODY_UNSUPPORTED'
    | 'PUSH_BODY_TOO_LARGE'
    | 'PUSH_EMPTY'
    | 'PUSH_INVALID'
    | 'PUSH_NO_ROOM'
    | 'PUSH_RATE_LIMITED'
    | 'PUSH_STREAM_LIMITED'
  /** Seconds to wait before a retry; absent if a retry makes no sense. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly code: PushRejectedError['code']
      readonly retryAfterSeconds?: number
    },
  ) {
    super(message, options)
    this.name = 'PushRejectedError'
    this.code = options.code
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Thrown when limits_config.block_ingestion_until blocks a push. */
export class PushBlockedError extends Error {
  readonly code = 'PUSH_BLOCKED'
  /** Value of limits_config.block_ingestion_status_code. */
  readonly blockStatus: number

  constructor(message: string, blockStatus: number) {
    super(message)
    this.name = 'PushBlockedError'
    this.blockStatus = blockStatus
  }
}

/** Thrown when a request cannot be answered. The client gets `message`. */
export class BadRequestError extends Error {
  readonly code:
    | 'BAD_REQUEST'
    | 'TENANT_MISSING'
    | 'VOLUME_DISABLED'
    | 'DELETES_OFF'
    | 'DELETES_FORBIDDEN'
    | 'DELETE_UNKNOWN'
    | 'DELETES_TOO_MANY'

  constructor(
    message: string,
    options?: ErrorOptions & { readonly code?: BadRequestError['code'] },
  ) {
    super(message, options)
    this.name = 'BadRequestError'
    this.code = options?.code ?? 'BAD_REQUEST'
  }
}

/** Thrown when a query's whole range is older than the tenant may look back. */
export class PastLookbackError extends BadRequestError {
  constructor({ maxQueryLookbackNs }: { readonly maxQueryLookbackNs: bigint }) {
    const lookback = formatPrometheusDuration(maxQueryLookbackNs)
    super(`this data is no longer available, it is past now - max_query_lookback (${lookback})`)
    this.name = 'PastLookbackError'
  }
}

/** Thrown when a query took longer than its time limit. The text is Loki's. */
export class QueryTimeoutError extends Error {
  readonly code = 'QUERY_TIMEOUT'

  constructor() {
    super(
      'Request timed out, decrease the duration of the request or add more label matchers (prefer exact match over regex match) to reduce the amount of data processed.',
    )
    this.name = 'QueryTimeoutError'
  }
}

/** Thrown when the store has no memory for a query: `max_memory`. */
export class QueryMemoryError extends Error {
  readonly code = 'QUERY_MEMORY'

  /**
   * @param why What happened, after "the store is short of memory, and".
   * @param maxBytes What the process may take.
   */
  constructor(why: string, maxBytes: number, options?: ErrorOptions) {
    const mebibytes = Math.round(maxBytes / 2 ** 20)
    super(
      `the store is short of memory (max_memory is ${mebibytes} MiB), and ${why}: ask again later, or for a shorter time, fewer streams or fewer lines, or raise max_memory`,
      options,
    )
    this.name = 'QueryMemoryError'
  }
}

/** Thrown when an answer is longer than V8 lets a text be. */
export class AnswerTooLargeError extends Error {
  readonly code = 'ANSWER_TOO_LARGE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AnswerTooLargeError'
  }
}

/** Thrown when a thread ended that ran scans of several queries, and another of them was the reason. */
export class ScanThreadEndedError extends Error {
  readonly code = 'SCAN_THREAD_ENDED'

  constructor(options?: ErrorOptions) {
    super('a scan thread ended', options)
    this.name = 'ScanThreadEndedError'
  }
}

/** Thrown when the client of a query disconnected. Nobody reads the answer. */
export class QueryCancelledError extends Error {
  readonly code = 'QUERY_CANCELLED'

  constructor() {
    super('The request was cancelled by the client.')
    this.name = 'QueryCancelledError'
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

/**
 * Thrown when the bucket did not do what it was asked for. What is on the local disk can still be read and
 * written.
 */
export class BucketError extends Error {
  readonly code = 'BUCKET_UNAVAILABLE'
  /** The bucket's answer, such as 403; `undefined` if there was none. */
  readonly answer: number | undefined
  /** Whether another object has the key of an object to write. */
  readonly isTaken: boolean

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly answer?: number | undefined
      readonly isTaken?: boolean
    } = {},
  ) {
    super(message, options)
    this.name = 'BucketError'
    this.answer = options.answer
    this.isTaken = options.isTaken ?? false
  }
}

/** Thrown when the shared catalog cannot be reached, or did not do what it was asked for. The request may be repeated. */
export class CatalogUnavailableError extends Error {
  readonly code = 'CATALOG_UNAVAILABLE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CatalogUnavailableError'
  }
}

/**
 * Thrown when the shared catalog refuses a change, because something has happened that its maker did not know of.
 * Nothing was changed.
 */
export class ChangeRefusedError extends Error {
  readonly code = 'CHANGE_REFUSED'
  /**
   * What has happened: the merge lost its job, its inputs are gone, a delete request began, streams were removed,
   * rows of removed segments were forgotten, the replica was not seen for long, the database has lost changes that
   * the replica has, a segment is already there, another replica has the lease.
   */
  readonly reason:
    | 'job'
    | 'inputs'
    | 'rules'
    | 'forgets'
    | 'forgotten'
    | 'epoch'
    | 'lost'
    | 'taken'
    | 'turn'

  constructor(
    message: string,
    options: ErrorOptions & { readonly reason: ChangeRefusedError['reason'] },
  ) {
    super(message, options)
    this.name = 'ChangeRefusedError'
    this.reason = options.reason
  }
}

/** Thrown at a start when a data directory, a bucket and a database do not belong together. The message says what to do. */
export class CatalogOwnerError extends Error {
  readonly code = 'CATALOG_OWNER'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CatalogOwnerError'
  }
}

/** Thrown at a start when a data directory and a bucket do not belong together. The message says what to do. */
export class BucketOwnerError extends Error {
  readonly code = 'BUCKET_OWNER'

  constructor(message: string) {
    super(message)
    this.name = 'BucketOwnerError'
  }
}

/**
 * Thrown when a tool for operators (verify, rebuild, inspect, backup, restore, move) cannot do its work. The message says
 * what to do. `UPKEEP_PATH`: a path that the user named is not what the tool needs; nothing was changed.
 */
export class UpkeepError extends Error {
  readonly code: 'UPKEEP' | 'UPKEEP_PATH'

  constructor(message: string, options?: ErrorOptions & { readonly code?: UpkeepError['code'] }) {
    super(message, options)
    this.name = 'UpkeepError'
    this.code = options?.code ?? 'UPKEEP'
  }
}

/** Thrown when the certificate, the key or the authorities of the HTTP server cannot be used. */
export class CertificateError extends Error {
  readonly code = 'CERTIFICATE_UNUSABLE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CertificateError'
  }
}

/** Thrown when the file with the passwords of users cannot be used. */
export class AuthFileError extends Error {
  readonly code = 'AUTH_FILE'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AuthFileError'
  }
}

/** Thrown when a client may not do what it asks for. The client gets `message`. */
export class AccessError extends Error {
  readonly code: 'ACCESS_UNKNOWN' | 'ACCESS_FORBIDDEN' | 'ACCESS_SLOWED' | 'ACCESS_UNCHECKED'
  /** Seconds to wait before a retry; absent if a retry makes no sense. */
  readonly retryAfterSeconds: number | undefined

  constructor(message: string, code: AccessError['code'], retryAfterSeconds?: number) {
    super(message)
    this.name = 'AccessError'
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** Thrown when a request about rules cannot be done. */
export class RuleRequestError extends Error {
  readonly code: 'RULE_REQUEST' | 'RULE_NOT_FOUND' | 'RULE_NAME' | 'RULE_FILTER'

  constructor(message: string, code: RuleRequestError['code'] = 'RULE_REQUEST') {
    super(message)
    this.name = 'RuleRequestError'
    this.code = code
  }
}

/** Thrown when the samples of a rule cannot be alerts. The evaluation fails. */
export class RuleResultError extends Error {
  readonly code = 'RULE_RESULT'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RuleResultError'
  }
}
