// Errors of the small languages inside a stage, under the stage's name.

/** Runs a check; its error starts with `prefix`. */
export function withPrefix<T>(prefix: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw new SyntaxError(prefix + (error as Error).message, { cause: error })
  }
}
