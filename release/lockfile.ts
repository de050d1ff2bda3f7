// package-lock.json as it is kept: without the ranges of Node that packages ask for. npm compares them with the Node
// that it runs on itself, and warns; what runs the packages is the project's own Node, which the range of the
// project's package.json speaks for.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootDir } from './packages.ts'

/** Takes the ranges out of the lockfile. */
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
