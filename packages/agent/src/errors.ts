// The errors of this package that callers catch. Each has a stable `code`.

import { type ConfigProblem as FoundProblem, formatProblem } from '@skald/wire'

/** One mistake in a configuration file. */
export interface ConfigProblem extends FoundProblem {
  /** Set if the mistake disables only one stage, target or job. */
  readonly isContained?: true
}

/** Thrown when a configuration is unusable. Carries every mistake found, in file order. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  readonly path: string
  readonly problems: readonly ConfigProblem[]

  constructor(
    { path, problems }: { readonly path: string; readonly problems: readonly ConfigProblem[] },
    options?: ErrorOptions,
  ) {
    super(problems.map(problem => formatProblem(path, problem)).join('\n'), options)
    this.name = 'ConfigError'
    this.path = path
    this.problems = problems
  }
}

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

/** Describes why something failed. If several addresses of a host were tried, gives the reason for each. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeError).join('; ')
  return error instanceof Error ? error.message : String(error)
}
