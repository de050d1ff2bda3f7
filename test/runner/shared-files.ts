// Decides which test files may share a process, and puts them into groups.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Files of a group at most. If one of them ends the process, those after it run again. */
const filesPerGroup = 10

/** What a file does to its process. Other files would feel it. */
const touchesProcess =
  /process\.(chdir|exit|exitCode|umask|on|once|emitWarning|removeAllListeners|setUncaughtException)\b|process\.env\.\w+ \??=|delete process\.env|\bt\.(clock|mockImport|chdir)\b|(memoryUsage|setFlagsFromString|getHeapStatistics|resourceUsage|globalThis)\b/

/** Tap's root: what a file sets there holds for the files after it. */
const usesRoot = /^import (?!\{ (type Test, )?test \} from 'tap').* from 'tap'/m

/** Returns the name of the test that ends a file in a shared process. */
export function endOfFile(file: string): string {
  return `end of ${file}`
}

/**
 * Groups files that may run in one process. All others are alone. The groups keep the order of the files, and one group
 * has files of one package only.
 *
 * @param mayShare The files that start no process, thread or server, as paths from `rootDir`.
 */
export function groupFiles(
  files: readonly string[],
  mayShare: ReadonlySet<string>,
  rootDir: string,
): string[][] {
  const groups: string[][] = []
  const open = new Map<string, string[]>()
  for (const file of files) {
    const place = dirname(file).split('/').slice(0, 2).join('/')
    const group = open.get(place)
    if (!mayShare.has(file) || !keepsToItself(join(rootDir, file))) groups.push([file])
    else if (group && group.length < filesPerGroup) group.push(file)
    else {
      const fresh = [file]
      open.set(place, fresh)
      groups.push(fresh)
    }
  }
  return groups
}

function keepsToItself(path: string): boolean {
  const text = readFileSync(path, 'utf8')
  return !touchesProcess.test(text) && !usesRoot.test(text)
}
