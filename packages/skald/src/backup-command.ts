// `skald backup DIR TARGET`: copies a store into a directory, also while it runs.

import { formatLogqlBytes } from '@skald/go-dialect'
import { backUp } from '@skald/store/backup'
import { exitCodes } from './failure.ts'
import { counted, FindingOutput } from './finding-output.ts'
import type { Terminal } from './terminal.ts'
import { readUpkeepArguments } from './upkeep-arguments.ts'
import { WorkProgress } from './work-progress.ts'

export const backupUsage = `skald backup [options] DIR TARGET

Copies the store in the data directory DIR into the directory TARGET, also while it runs: the lines and the delete
requests, as they are at one moment. If TARGET has a backup already, only new segments are copied, and all others are
read and checked. If the command is stopped, run it again: it continues, and the backup before stays valid until the new
one is complete. skald restore makes a data directory of it.

  --link    make hard links instead of copies. This takes no space and no time, but does not help if the disk breaks
  --quick   do not read the files that an earlier backup has copied and checked
  --json    print one JSON object per line: what is damaged, then a summary

Exit codes: 0 the backup is complete, 1 it is not, or the store is damaged, 2 a path is wrong.
`

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid; UpkeepError; DirectoryLockedError.
 */
export async function runBackupCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { isSet, paths } = readUpkeepArguments(argv, {
    usage: backupUsage,
    switches: ['link', 'quick', 'json'],
    paths: ['a data directory', 'a target'],
  })
  const [directory, target] = paths as [string, string]
  const progress = new WorkProgress(terminal, 'backed up')
  const output = new FindingOutput(terminal, isSet('json'), progress)
  const summary = await backUp({
    ...{ directory, target, isLinked: isSet('link'), isQuick: isSet('quick') },
    onFinding: output.tell,
    onProgress: progress.update,
    onUnsupportedLock: ({ message }) =>
      terminal.stderr.write(`${target} is not locked, run only one backup at a time: ${message}\n`),
  }).finally(() => progress.clear())
  const { takenAt, segments, bytes, copied, copiedBytes, removed, damage } = summary
  const all = `${counted(segments, 'segment')}, ${formatLogqlBytes(bytes)}`
  const news = `${copied} copied, ${formatLogqlBytes(copiedBytes)}, and ${removed} removed`
  const verdict = damage === 0 ? '' : `; ${counted(damage, 'fault')} found in the store`
  output.end(summary, `${target}: backup of ${takenAt} with ${all}: ${news}${verdict}`)
  return damage > 0 ? exitCodes.failed : exitCodes.done
}
