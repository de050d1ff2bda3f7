// What is wrong with a discovery, in the log: when it begins or becomes another, and its end.

import type { Logger } from 'pino'

export interface ProblemReportOptions {
  readonly logger: Logger
  /** Of both lines. */
  readonly fields: Readonly<Record<string, string>>
  /** What is said beside the problem; by default that nobody answers. */
  readonly began?: string
  readonly ended?: string
}

/** Logs a problem once, however often it is met. */
export class ProblemReport {
  readonly #options: ProblemReportOptions
  #problem: string | undefined

  constructor(options: ProblemReportOptions) {
    this.#options = options
  }

  /** Takes what is wrong now; `undefined` where nothing is. */
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
