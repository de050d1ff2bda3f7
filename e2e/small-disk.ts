// A small disk of its own for a test: a tmpfs, which only root may mount.

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestScope } from './harness.ts'

/**
 * Mounts a disk where a store in `dir` keeps its data. Returns `undefined` if that is not allowed.
 * Removes both after the test.
 */
export function mountDisk(t: TestScope, dir: string, mebibytes: number): string | undefined {
  const path = join(dir, 'store-data')
  mkdirSync(path, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], {
      stdio: 'ignore',
    })
  } catch {
    return undefined
  }
  t.teardown(() => {
    execFileSync('umount', ['-l', path])
    rmSync(dir, { recursive: true })
  })
  return path
}

/** Returns the free space of a file system, in mebibytes. */
export function freeMib(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return (bavail * bsize) / 1024 / 1024
}
