// The errors of this package that callers catch. Each has a stable `code`.

import { type ConfigProblem, formatProblem } from './config-problem.ts'

/** Thrown when a configuration cannot be used. Lists every mistake found, in file order. */
export class ConfigError extends Error {
  readonly code = 'CONFIG'
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
