// Logs problems of a discovery: when one begins, changes or ends.

import type { Logger } from 'pino'

export interface ProblemReportOptions {
  readonly logger: Logger
  /** Fields of both log lines. */
  readonly fields: Readonly<Record<string, string>>
  /** Message next to the problem. By default it says that nobody answers. */
  readonly began?: string
  readonly ended?: string
}

/** Logs a problem once, however often it occurs. */
export class ProblemReport {
  readonly #options: ProblemReportOptions
  #problem: string | undefined

  constructor(options: ProblemReportOptions) {
    this.#options = options
  }

  /** Takes the current problem, or `undefined` if there is none. */
  tell(problem: string | undefined): void {
    if (problem === this.#problem) return
    this.#problem = problem
    const { logger, fields } = this.#options
    const { began = 'Discovery has no answer: what was found before stays' } = this.#options
    const { ended = 'Discovery works again' } = this.#options
    if (problem === undefined) logger.info(fields, ended)
    else logger.warn({ ...fields, error: problem }, began)
  }
}
