// Errors on their way between threads.

/** An error as data: a structured clone keeps no class and no `code`. */
export interface ThreadError {
  readonly name: string
  readonly message: string
  readonly code?: string
}

/** Turns an error into data. */
export function threadErrorOf(error: unknown): ThreadError {
  const { name, message, code } = error as Error & { code?: string }
  return { name, message, ...(code !== undefined && { code }) }
}
