// Prefixes errors from the expressions inside a stage with the stage's name.

/** Runs a check. Its error starts with `prefix`. */
export function withPrefix<T>(prefix: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw new SyntaxError(prefix + (error as Error).message, { cause: error })
  }
}
