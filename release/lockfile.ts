// Keeps package-lock.json free of the Node ranges that packages require. npm compares them with the
// Node it runs on itself, and warns. The packages run on the project's own Node, which the range in
// the project's package.json covers.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootDir } from './packages.ts'

/** Removes the ranges from the lockfile. */
export function trimLockfile(root = rootDir): void {
  const path = join(root, 'package-lock.json')
  const lock = JSON.parse(readFileSync(path, 'utf8')) as {
    packages: Record<string, { engines?: unknown }>
  }
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (name.includes('node_modules/')) delete entry.engines
  }
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
}
