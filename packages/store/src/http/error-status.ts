// Owns the table of error codes: the HTTP status of each and the form of its body. Codes that are
// not in it get a 500 and are logged. docs/errors.md lists the same codes.

/** How to answer an error code. */
export interface ErrorAnswer {
  /** `configured` means the value of limits_config.block_ingestion_status_code. */
  readonly status: number | 'configured'
  /** Whether the text ends with a line feed, like Loki's push rejections. */
  readonly endsLine?: true
  /** Whether the store also logs it. */
  readonly isLogged?: true
  /** When to ask again, if the error does not say so itself. */
  readonly retryAfterSeconds?: number
}

/** Code → answer. */
export const errorAnswers: Readonly<Record<string, ErrorAnswer>> = {
  BAD_REQUEST: { status: 400 },
  TENANT_MISSING: { status: 401 },
  ACCESS_UNKNOWN: { status: 401, endsLine: true },
  ACCESS_FORBIDDEN: { status: 403, endsLine: true },
  ACCESS_SLOWED: { status: 429, endsLine: true },
  ACCESS_UNCHECKED: { status: 503, endsLine: true },
  VOLUME_DISABLED: { status: 404 },
  QUERY_MEMORY: { status: 429, retryAfterSeconds: 5 },
  ANSWER_TOO_LARGE: { status: 400 },
  SCAN_THREAD_ENDED: { status: 500, isLogged: true },
  QUERY_TIMEOUT: { status: 504, isLogged: true },
  // Nobody reads the answer. The status is for the metrics.
  QUERY_CANCELLED: { status: 499 },

  LOGQL_SYNTAX: { status: 400 },
  LOGQL_KIND: { status: 400 },
  LOGQL_PIPELINE: { status: 400 },
  // A mistake in the query that only the data reveals. Loki answers 500.
  LOGQL_VECTOR_MATCHING: { status: 500 },
  REGEX_SYNTAX: { status: 400 },
  TEMPLATE_SYNTAX: { status: 400 },
  LIMIT_EXCEEDED: { status: 400 },

  DELETES_OFF: { status: 404 },
  DELETES_FORBIDDEN: { status: 403 },
  DELETE_UNKNOWN: { status: 404 },
  DELETES_TOO_MANY: { status: 429 },

  RULE_REQUEST: { status: 400 },
  RULE_FILTER: { status: 400 },
  RULE_NOT_FOUND: { status: 404 },
  // Loki answers 500.
  RULE_NAME: { status: 500 },

  PUSH_BODY_MALFORMED: { status: 400, endsLine: true },
  PUSH_BODY_UNSUPPORTED: { status: 400, endsLine: true },
  PUSH_BODY_TOO_LARGE: { status: 413, endsLine: true },
  PUSH_BODY_CUT: { status: 499, endsLine: true },
  PUSH_EMPTY: { status: 422, endsLine: true },
  PUSH_INVALID: { status: 400, endsLine: true },
  PUSH_BLOCKED: { status: 'configured', endsLine: true },
  PUSH_RATE_LIMITED: { status: 429, endsLine: true },
  PUSH_STREAM_LIMITED: { status: 429, endsLine: true },
  PUSH_NO_ROOM: { status: 503, endsLine: true, isLogged: true },
  STORAGE_UNAVAILABLE: { status: 503 },
  BUCKET_UNAVAILABLE: { status: 503, isLogged: true },
  CATALOG_UNAVAILABLE: { status: 503, isLogged: true },
  CHANGE_REFUSED: { status: 503, isLogged: true },

  CORRUPTION: { status: 500, isLogged: true },

  // Fastify's own codes.
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413 },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 400 },
}

/** Optional fields on the errors of requests. */
export interface RequestError extends Error {
  readonly code?: string
  /** Status of Fastify's own errors. */
  readonly statusCode?: number
  /** See PushBlockedError. */
  readonly blockStatus?: number
  readonly retryAfterSeconds?: number
}

/** Returns how to answer an error. Codes outside the table keep their own status, or get 500. */
export function answerOf(error: RequestError): ErrorAnswer & { readonly status: number } {
  const { code = '', statusCode = 500, blockStatus = 500 } = error
  const row = Object.hasOwn(errorAnswers, code) ? errorAnswers[code] : undefined
  if (!row) return { status: statusCode, ...(statusCode >= 500 && { isLogged: true }) }
  return { ...row, status: row.status === 'configured' ? blockStatus : row.status }
}
