import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for a promise. Returns `undefined` if it takes longer than this many milliseconds. */
export async function within<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  const timer = new AbortController()
  const isOver = sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)
  try {
    return await Promise.race([promise, isOver])
  } finally {
    timer.abort()
  }
}
