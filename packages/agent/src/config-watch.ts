// Notices that the configuration file has changed, for -config.auto-reload. It is read rather than
// watched: where it comes from a ConfigMap it is a link into a directory that is replaced, and volumes
// of networks tell of no events.

import { readFile } from 'node:fs/promises'
import { configLookEveryMs } from './limits.ts'

/**
 * Calls back when the file at `path` has another content than before, the first time than `text`. A file
 * that cannot be read has not changed. Returns what ends it.
 */
export function watchConfig(options: {
  readonly path: string
  readonly text: string
  readonly onChange: () => void
}): () => void {
  const { path, onChange } = options
  let last = options.text
  let isLooking = false
  const look = async () => {
    if (isLooking) return
    isLooking = true
    const text = await readFile(path, 'utf8').catch(() => last)
    isLooking = false
    if (text === last) return
    last = text
    onChange()
  }
  const timer = setInterval(() => void look(), configLookEveryMs)
  return () => clearInterval(timer)
}
