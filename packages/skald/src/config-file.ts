// Finds and reads the configuration file a `-config.file` flag names.

import { readFileSync } from 'node:fs'
import { expandEnvironment, explainSystemError } from '@skald/wire'
import { UsageError } from './usage-error.ts'

/** A configuration file as text, environment filled in where that was asked for. */
export interface ConfigText {
  readonly path: string
  readonly text: string
}

/**
 * Reads the first of a comma-separated list of files that exists.
 *
 * @throws UsageError when there is none.
 */
export function readConfigText(
  paths: string,
  options: {
    readonly expandEnv: boolean
    readonly env: Readonly<Record<string, string | undefined>>
  },
): ConfigText {
  for (const path of paths.split(',')) {
    try {
      const text = readFileSync(path, 'utf8')
      return { path, text: options.expandEnv ? expandEnvironment(text, options.env) : text }
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
