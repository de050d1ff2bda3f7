// Loads something while a part of the view is shown, and again when what it depends on changes.

import { useEffect, useState } from 'preact/hooks'
import { isAborted } from '../api/store-client.ts'

export interface Loaded<Value> {
  readonly value: Value | undefined
  readonly error: unknown
  readonly isLoading: boolean
}

/** Runs `load` whenever one of `inputs` changes, and gives up the run before. Keeps the last value meanwhile. */
export function useLoad<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  inputs: readonly unknown[],
): Loaded<Value> {
  const [state, setState] = useState<Loaded<Value>>({
    value: undefined,
    error: undefined,
    isLoading: true,
  })
  useEffect(() => {
    const abort = new AbortController()
    setState(before => ({ ...before, isLoading: true }))
    load(abort.signal).then(
      value => {
        if (!abort.signal.aborted) setState({ value, error: undefined, isLoading: false })
      },
      error => {
        if (abort.signal.aborted || isAborted(error)) return
        setState({ value: undefined, error, isLoading: false })
      },
    )
    return () => abort.abort()
  }, inputs)
  return state
}
