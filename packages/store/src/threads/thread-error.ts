// Errors on their way between threads.

/** An error as data: a structured clone keeps no class and no `code`. */
export interface ThreadError {
  readonly name: string
  readonly message: string
  readonly code?: string
  /** The call and the file that a system error is about. */
  readonly syscall?: string
  readonly path?: string
  /** What a CorruptionError is about. */
  readonly segment?: string
  readonly offsetBytes?: number
}

/** Turns an error into data. */
export function threadErrorOf(error: unknown): ThreadError {
  const { name, message, code, syscall, path, segment, offsetBytes } = error as ThreadError
  return {
    ...{ name, message },
    ...(code !== undefined && { code }),
    ...(syscall !== undefined && { syscall }),
    ...(path !== undefined && { path }),
    ...(segment !== undefined && { segment }),
    ...(offsetBytes !== undefined && { offsetBytes }),
  }
}
