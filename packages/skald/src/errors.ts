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

/** Thrown when a server of an import cannot be used. The message says what to do. */
export class ImportError extends Error {
  readonly code = 'IMPORT'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ImportError'
  }
}

/** Thrown when a store that a command asks does not answer. The message says why. */
export class AskError extends Error {
  readonly code = 'ASK'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AskError'
  }
}
