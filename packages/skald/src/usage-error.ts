/** Thrown when a command line is not valid. Shows the usage unless the message already does. */
export class UsageError extends Error {
  readonly code = 'USAGE'
  readonly usage: string | undefined

  constructor(message: string, options: ErrorOptions & { readonly usage?: string } = {}) {
    super(message, options)
    this.name = 'UsageError'
    this.usage = options.usage
  }
}
