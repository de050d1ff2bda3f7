// The errors of this package that callers catch. Each has a stable `code`. The texts are Loki's, because
// clients match on them.

/**
 * Thrown when a text is not LogQL, or is LogQL that can never run. `line` and `column` are 0 if the error
 * concerns the whole query. Only `line` is 0 for tokens of several characters, like in Loki.
 */
export class LogqlSyntaxError extends SyntaxError {
  readonly code = 'LOGQL_SYNTAX'
  readonly line: number
  readonly column: number
  /** The problem, without the position. */
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

/** Thrown when a query is valid, but of the wrong kind here (log query or metric query). */
export class LogqlKindError extends Error {
  readonly code = 'LOGQL_KIND'

  constructor(message: string) {
    super(message)
    this.name = 'LogqlKindError'
  }
}

/** Thrown when a sample of a metric query has an error that no filter removed. */
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

/** Thrown when the two sides of a binary operation cannot be matched one to one. */
export class VectorMatchingError extends Error {
  readonly code = 'LOGQL_VECTOR_MATCHING'

  constructor(message: string) {
    super(message)
    this.name = 'VectorMatchingError'
  }
}

/** Thrown when a query exceeds a limit. */
export class LimitExceededError extends Error {
  readonly code = 'LIMIT_EXCEEDED'
  /** Name of the limit, as in the configuration. */
  readonly limit: string

  constructor(limit: string, message: string) {
    super(message)
    this.name = 'LimitExceededError'
    this.limit = limit
  }
}
