// The name of a container, from a file next to its log: Docker keeps the container's settings in
// `/var/lib/docker/containers/<id>/config.v2.json`.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Returns the name of the container that writes a log, or undefined if Docker left no readable one. */
export function dockerNameOf(logPath: string): string | undefined {
  try {
    const text = readFileSync(join(dirname(logPath), 'config.v2.json'), 'utf8')
    const { Name: name } = JSON.parse(text) as { Name?: unknown }
    return typeof name === 'string' ? name.replace(/^\//, '') || undefined : undefined
  } catch {
    // Another user's file, or another runtime's. The container's id will do.
    return undefined
  }
}
