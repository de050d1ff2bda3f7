// The version that packages, command line, buildinfo, metrics and User-Agent share.

import { readFileSync } from 'node:fs'

/** Version of this program, from its package.json. */
export const version: string = readVersion()

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
