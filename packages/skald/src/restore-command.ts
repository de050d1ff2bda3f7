// `skald restore SOURCE DIR`: makes a data directory from a backup.

import { formatLogqlBytes } from '@skald/go-dialect'
import { restore } from '@skald/store/restore'
import { exitCodes } from './failure.ts'
import { counted, FindingOutput } from './finding-output.ts'
import type { Terminal } from './terminal.ts'
import { readUpkeepArguments } from './upkeep-arguments.ts'
import { WorkProgress } from './work-progress.ts'

export const restoreUsage = `skald restore [options] SOURCE DIR

Makes the data directory DIR from the backup in the directory SOURCE, and checks every file. DIR must be empty or missing.
If the command is stopped, run it again: it continues. Then start the store on DIR.

  --keep-damaged   restore damaged files of the backup as they are. Without it, a damaged backup is not restored
  --json           print one JSON object per line: what is damaged, then a summary

Exit codes: 0 the directory is complete, 1 it is not, or the backup is damaged, 2 a path is wrong.
`

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid; UpkeepError; DirectoryLockedError.
 */
export async function runRestoreCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { isSet, paths } = readUpkeepArguments(argv, {
    usage: restoreUsage,
    switches: ['keep-damaged', 'json'],
    paths: ['a backup', 'a data directory'],
  })
  const [source, directory] = paths as [string, string]
  const progress = new WorkProgress(terminal, 'restored')
  const output = new FindingOutput(terminal, isSet('json'), progress)
  const summary = await restore({
    ...{ source, directory, keepsDamaged: isSet('keep-damaged') },
    onFinding: output.tell,
    onProgress: progress.update,
    onUnsupportedLock: ({ message }) =>
      terminal.stderr.write(`${directory} is not locked, start no store on it yet: ${message}\n`),
  }).finally(() => progress.clear())
  const { takenAt, segments, bytes, damage } = summary
  const all = `${counted(segments, 'segment')}, ${formatLogqlBytes(bytes)}`
  const verdict = damage === 0 ? '' : `; ${counted(damage, 'file')} damaged in the backup`
  output.end(summary, `${directory}: restored the backup of ${takenAt} with ${all}${verdict}`)
  return damage > 0 ? exitCodes.failed : exitCodes.done
}
