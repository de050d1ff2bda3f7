// Parts of a running store: what is opened is closed in reverse order.

/** Something to close at the end. */
export interface Part {
  close(): Promise<void>
}

/** Closes the parts one by one, starting with the last opened. */
export async function closeAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts.toReversed()) await part.close()
}

/** Returns a function that runs once. Further calls wait for the first to finish. */
export function onlyOnce(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}
