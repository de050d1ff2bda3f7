// The name of a container, which stands beside its log: Docker keeps what it knows of a container in
// `/var/lib/docker/containers/<id>/config.v2.json`.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Finds the name of the container that writes a log; undefined where Docker has left none that can be read. */
export function dockerNameOf(logPath: string): string | undefined {
  try {
    const text = readFileSync(join(dirname(logPath), 'config.v2.json'), 'utf8')
    const { Name: name } = JSON.parse(text) as { Name?: unknown }
    return typeof name === 'string' ? name.replace(/^\//, '') || undefined : undefined
  } catch {
    // Another user's, or another runtime's: its id tells the container apart.
    return undefined
  }
}
