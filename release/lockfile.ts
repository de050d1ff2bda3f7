// Keeps package-lock.json free of the Node ranges that packages require. npm compares them with the
// Node it runs on itself, and warns. The packages run on the project's own Node, which the range in
// the project's package.json covers. Also removes optional packages that no registry has: npm leaves them out when it
// writes the file, and refuses the file because of that.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootDir } from './packages.ts'

/** Removes the ranges and the missing optional packages from the lockfile. */
export function trimLockfile(root = rootDir): void {
  const path = join(root, 'package-lock.json')
  const lock = JSON.parse(readFileSync(path, 'utf8')) as {
    packages: Record<string, { engines?: unknown; optionalDependencies?: Record<string, string> }>
  }
  const paths = Object.keys(lock.packages)
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (!name.includes('node_modules/')) continue
    delete entry.engines
    const optional = entry.optionalDependencies ?? {}
    for (const other of Object.keys(optional)) {
      if (!paths.some(path => path.endsWith(`node_modules/${other}`))) delete optional[other]
    }
  }
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
}
