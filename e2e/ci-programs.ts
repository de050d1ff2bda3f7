// Programs that `.ci/run` builds with Go. Elsewhere they are used if they are on the PATH.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where CI builds them. */
const built = join(tmpdir(), 'skald-ci-bin')

/** Returns the path of a program that takes `--version`, or `undefined` if it is not installed. */
export function findCiProgram(name: string): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), built]
  const path = dirs.map(dir => join(dir, name)).find(existsSync)
  return path && spawnSync(path, ['--version']).status === 0 ? path : undefined
}
