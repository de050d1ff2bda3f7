// `skald move DIR --config.file=FILE`: moves a single store into the bucket and the database of replicas.

import { formatLogqlBytes } from '@skald/go-dialect'
import { moveStore } from '@skald/store/move'
import { exitCodes } from './failure.ts'
import { counted, FindingOutput } from './finding-output.ts'
import { readSharedPlace } from './shared-place.ts'
import type { Terminal } from './terminal.ts'
import { readUpkeepArguments } from './upkeep-arguments.ts'
import { loggerBeside, WorkProgress } from './work-progress.ts'

export const moveUsage = `skald move --config.file=FILE [options] DIR

Moves the store in the data directory DIR into the bucket and the PostgreSQL of replicas: all lines and delete requests.
FILE is the configuration of the replicas. Its bucket (or prefix) and its database must be empty, and the store must not
run. A store with a bucket moves up within it: FILE names the same bucket and prefix. Every segment is compared at the end. If the command is stopped, run it again: it continues. Then start the replicas.
Nothing in DIR is removed; only moved.json is added.

  --config.file FILE         configuration of the replicas
  --config.expand-env=true   replace \${NAME} in it by the environment
  --json                     print one JSON object: a summary

Exit codes: 0 all is moved, 1 it is not, 2 a path is wrong, or the target is not empty.
`

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid; UpkeepError; DirectoryLockedError; CatalogOwnerError;
 * CatalogUnavailableError; BucketError.
 */
export async function runMoveCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const given = readUpkeepArguments(argv, {
    usage: moveUsage,
    switches: ['json'],
    values: ['config.file', 'config.expand-env'],
    paths: ['a data directory'],
  })
  const [directory] = given.paths as [string]
  const shared = readSharedPlace(given, moveUsage, terminal)
  const progress = new WorkProgress(terminal, 'moved')
  const isJson = given.isSet('json')
  const output = new FindingOutput(terminal, isJson, progress)
  const summary = await moveStore({
    ...{ ...shared, directory, onProgress: progress.update },
    logger: loggerBeside(progress, isJson, terminal),
    onUnsupportedLock: ({ message }) =>
      terminal.stderr.write(`${directory} is not locked, start no store on it: ${message}\n`),
  }).finally(() => progress.clear())
  const { place, segments, bytes, uploaded, streams, deleteRequests, ruleGroups } = summary
  const rules = ruleGroups > 0 ? `, ${counted(ruleGroups, 'rule group')}` : ''
  const all = `${counted(segments, 'segment')}, ${formatLogqlBytes(bytes)}, ${counted(streams, 'stream')}, ${counted(deleteRequests, 'delete request')}${rules}`
  output.end(summary, `${directory}: moved to ${place}: ${all}; ${uploaded} uploaded now`)
  return exitCodes.done
}
