// The version that the agent tells: to servers, in its metrics and on the command line.

import { readFileSync } from 'node:fs'

/** Version of the package that this program belongs to. */
export const agentVersion: string = readVersion()

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
