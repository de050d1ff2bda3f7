// Finds and reads the configuration file that `-config.file` names.

import { readFileSync } from 'node:fs'
import { explainSystemError } from '@skald/wire'
import { UsageError } from './errors.ts'

/** A configuration file as text. */
export interface ConfigText {
  readonly path: string
  readonly text: string
}

/**
 * Reads the first of a comma-separated list of files that exists.
 *
 * @throws UsageError if there is none.
 */
export function readConfigText(paths: string): ConfigText {
  for (const path of paths.split(',')) {
    try {
      return { path, text: readFileSync(path, 'utf8') }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') continue
      const why = explainSystemError(Object.assign(cause as Error, { path }))
      const message = why ?? `Cannot read ${path}: ${(cause as Error).message}`
      throw new UsageError(`${message}. Name another file with -config.file`, { cause })
    }
  }
  throw new UsageError(
    `Cannot find the configuration file ${paths}. Name one that exists with -config.file`,
  )
}
