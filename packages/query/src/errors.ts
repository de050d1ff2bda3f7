// The errors of this package that somebody catches. Each has a stable `code`; the texts are Loki's,
// because clients match on them.

/**
 * Says that a text is no LogQL, or LogQL that can never run. `line` and `column` are 0 where the error
 * belongs to the query as a whole; `line` alone is 0 at tokens of several characters, as in Loki.
 */
export class LogqlSyntaxError extends SyntaxError {
  readonly code = 'LOGQL_SYNTAX'
  readonly line: number
  readonly column: number
  /** What is wrong, without the position. */
  readonly reason: string

  constructor(reason: string, where: ErrorOptions & { line?: number; column?: number } = {}) {
    const { line = 0, column = 0, cause } = where
    const isWhole = line === 0 && column === 0
    super(`parse error${isWhole ? ' ' : ` at line ${line}, col ${column}`}: ${reason}`, { cause })
    this.name = 'LogqlSyntaxError'
    this.reason = reason
    this.line = line
    this.column = column
  }
}

/** Says that a query is valid, but not of the kind that this place takes. */
export class LogqlKindError extends Error {
  readonly code = 'LOGQL_KIND'

  constructor(message: string) {
    super(message)
    this.name = 'LogqlKindError'
  }
}

/** Says that a sample of a metric query has an error that no filter took away. */
export class LogqlPipelineError extends Error {
  readonly code = 'LOGQL_PIPELINE'

  constructor(errorType: string, series: string) {
    super(
      `pipeline error: '${errorType}' for series: '${series}'.\n` +
        `Use a label filter to intentionally skip this error. (e.g | __error__!="${errorType}").\n` +
        'To skip all potential errors you can match empty errors.(e.g __error__="")\n' +
        'The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__="" )\n',
    )
    this.name = 'LogqlPipelineError'
  }
}

/** Says that the two sides of a binary operation cannot be matched one to one. */
export class VectorMatchingError extends Error {
  readonly code = 'LOGQL_VECTOR_MATCHING'

  constructor(message: string) {
    super(message)
    this.name = 'VectorMatchingError'
  }
}

/** Says that a query needs more than a limit lets it have. */
export class LimitExceededError extends Error {
  readonly code = 'LIMIT_EXCEEDED'
  /** Name of the limit, as the configuration has it. */
  readonly limit: string

  constructor(limit: string, message: string) {
    super(message)
    this.name = 'LimitExceededError'
    this.limit = limit
  }
}
