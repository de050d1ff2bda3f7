/** Says that a command line cannot be used, and how it should look. */
export class UsageError extends Error {
  readonly code = 'USAGE'
  readonly usage: string

  constructor(message: string, options: ErrorOptions & { readonly usage: string }) {
    super(message, options)
    this.name = 'UsageError'
    this.usage = options.usage
  }
}
