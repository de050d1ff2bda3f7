// The errors of the command line that somebody catches. Each has a stable `code`.

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

/** Says that the source cannot be read, and what to do. */
export class ImportError extends Error {
  readonly code = 'IMPORT'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ImportError'
  }
}
