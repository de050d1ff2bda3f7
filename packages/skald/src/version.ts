// The version that `-version`, buildinfo and the User-Agent tell.

import { readFileSync } from 'node:fs'

/** Reads the version of the package this program belongs to. */
export function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
