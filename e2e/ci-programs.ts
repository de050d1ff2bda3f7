// Programs that `.ci/run` builds with Go. Elsewhere they are used if they are on the PATH.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Where CI builds them. */
const built = join(tmpdir(), 'skald-ci-bin')

/** Returns the path of a program, or `undefined` if it is not installed. `flag` makes it say its version. */
export function findCiProgram(name: string, flag = '--version'): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), built]
  const path = dirs.map(dir => join(dir, name)).find(existsSync)
  return path && spawnSync(path, [flag]).status === 0 ? path : undefined
}

/** Waits until CI has built a program that it builds while tests run. Returns the same as `findCiProgram`. */
export async function awaitCiProgram(name: string, flag?: string): Promise<string | undefined> {
  while (isBeingBuilt(name)) await sleep(200)
  return findCiProgram(name, flag)
}

/** Whether the process that builds it still runs: its id is in a file beside the program, until the program is there. */
function isBeingBuilt(name: string): boolean {
  try {
    process.kill(Number(readFileSync(join(built, `${name}.building`), 'utf8')), 0)
    return true
  } catch {
    return false
  }
}
