/** Says that a command line cannot be used, and how it should look where that is not said already. */
export class UsageError extends Error {
  readonly code = 'USAGE'
  readonly usage: string | undefined

  constructor(message: string, options: ErrorOptions & { readonly usage?: string } = {}) {
    super(message, options)
    this.name = 'UsageError'
    this.usage = options.usage
  }
}
