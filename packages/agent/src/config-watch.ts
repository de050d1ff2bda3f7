// Notices changes of the configuration file, for -config.auto-reload. It polls the file: with a ConfigMap
// the file is a link into a directory that gets replaced, and network volumes report no events.

import { readFile } from 'node:fs/promises'
import { configLookEveryMs } from './limits.ts'

/**
 * Calls back when the content of the file at `path` changes, starting from `text`. A file that cannot be
 * read has not changed. Returns a function that stops watching.
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
