// `skald verify DIR`: checks a data directory or a backup, and makes the catalog again with `--rebuild`.

import { formatLogqlBytes } from '@skald/go-dialect'
import { rebuildCatalog } from '@skald/store/rebuild'
import type { SharedPlaceConfig } from '@skald/store/rebuild-shared'
import { type VerifySummary, verifyDirectory } from '@skald/store/verify'
import { explainSystemError } from '@skald/wire'
import { UsageError } from './errors.ts'
import { exitCodes } from './failure.ts'
import { counted, FindingOutput } from './finding-output.ts'
import type { Terminal } from './terminal.ts'
import { readUpkeepArguments } from './upkeep-arguments.ts'
import { loggerBeside, WorkProgress } from './work-progress.ts'

export const verifyUsage = `skald verify [options] DIR
skald verify --rebuild --config.file=FILE s3://BUCKET/PREFIX

Checks the data directory of a store (common.path_prefix in its configuration), or a backup: every checksum of every
segment, each segment against the catalog, times and order, missing and unknown files. A store may run there meanwhile.
Nothing is changed.

  --deep      also unpack all lines. Their checksums are always checked
  --json      print one JSON object per line: the findings, then a summary
  --rebuild   do not check, but make the catalog from the segments. The store must not run. The old catalog stays
              beside the new one as a copy. Delete requests are kept if they can be read

The second form makes the catalog of replicas in PostgreSQL again, if that database is lost: from the newest copy of the
catalog in the bucket, and from all segments that it does not know. FILE is the replicas' configuration, with an empty
database in skald.catalog.postgres_url. No replica may run. If the command is stopped, run it again. Delete requests that
came after the copy, which is at most ten minutes old, are lost.

  --config.file FILE         configuration of the replicas
  --config.expand-env=true   replace \${NAME} in it by the environment

Exit codes: 0 all is sound, 1 something is damaged or was set aside, 2 it could not be checked.
`

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid, or a file cannot be read; UpkeepError.
 */
export async function runVerifyCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const given = readUpkeepArguments(argv, {
    usage: verifyUsage,
    switches: ['deep', 'json', 'rebuild'],
    values: ['config.file', 'config.expand-env'],
    paths: ['a directory'],
  })
  const { isSet, paths } = given
  if (isSet('rebuild') && isSet('deep')) {
    throw new UsageError('--rebuild checks nothing, so it goes without --deep', {
      usage: verifyUsage,
    })
  }
  const [directory] = paths as [string]
  const isUrl = directory.startsWith('s3://')
  if (isUrl && !isSet('rebuild')) {
    throw new UsageError('A bucket can be rebuilt from, with --rebuild, but not checked', {
      usage: verifyUsage,
    })
  }
  if (!isUrl && given.optionOf('config.file') !== undefined) {
    throw new UsageError('--config.file goes with s3://BUCKET/PREFIX', { usage: verifyUsage })
  }
  try {
    if (isUrl) {
      const { readSharedPlace } = await import('./shared-place.ts')
      const shared = readSharedPlace(given, verifyUsage, terminal)
      return await rebuildBucket(directory, shared, isSet('json'), terminal)
    }
    return isSet('rebuild')
      ? await rebuild(directory, isSet('json'), terminal)
      : await verify(directory, { isDeep: isSet('deep'), isJson: isSet('json') }, terminal)
  } catch (error) {
    // 1 means damage, so that scripts can tell.
    const explained = explainSystemError(error)
    if (explained === undefined) throw error
    throw new UsageError(explained, { cause: error })
  }
}

async function verify(
  directory: string,
  { isDeep, isJson }: { readonly isDeep: boolean; readonly isJson: boolean },
  terminal: Terminal,
): Promise<number> {
  const progress = new WorkProgress(terminal, 'checked')
  const output = new FindingOutput(terminal, isJson, progress)
  const summary = await verifyDirectory({
    ...{ directory, isDeep },
    onFinding: output.tell,
    onProgress: progress.update,
  })
  output.end(summary, sentenceOf(directory, summary))
  return summary.damage > 0 ? exitCodes.failed : exitCodes.done
}

function sentenceOf(directory: string, summary: VerifySummary): string {
  const { segments, blocks, rows, bytes, gone, damage } = summary
  const what = `${counted(segments, 'segment')}, ${formatLogqlBytes(bytes)}, ${counted(blocks, 'block')}, ${counted(rows, 'line')}`
  const replaced = gone > 0 ? `; ${counted(gone, 'segment')} were replaced meanwhile` : ''
  const verdict = damage === 0 ? 'all is sound' : `${counted(damage, 'fault')} found`
  return `${directory}: ${what}: ${verdict}${replaced}`
}

async function rebuildBucket(
  place: string,
  shared: SharedPlaceConfig,
  isJson: boolean,
  terminal: Terminal,
): Promise<number> {
  const { rebuildShared } = await import('@skald/store/rebuild-shared')
  const progress = new WorkProgress(terminal, 'entered')
  const output = new FindingOutput(terminal, isJson, progress)
  const logger = loggerBeside(progress, isJson, terminal)
  const summary = await rebuildShared({
    ...{ ...shared, place, logger, onProgress: progress.update },
  }).finally(() => progress.clear())
  const { segments, streams, deleteRequests, ruleGroups, entered, damaged, copy } = summary
  const rules = ruleGroups > 0 ? `, ${counted(ruleGroups, 'rule group')}` : ''
  const kept = `${counted(segments, 'segment')}, ${counted(streams, 'stream')}, ${counted(deleteRequests, 'delete request')}${rules}`
  const from = copy === 0 ? 'no copy of the catalog' : `a copy of version ${copy}`
  const news = `${counted(entered, 'segment')} that it did not have`
  const aside = damaged === 0 ? '' : `; ${counted(damaged, 'segment')} damaged`
  output.end(summary, `${place}: new catalog with ${kept}, from ${from} and ${news}${aside}`)
  return damaged > 0 ? exitCodes.failed : exitCodes.done
}

async function rebuild(directory: string, isJson: boolean, terminal: Terminal): Promise<number> {
  const progress = new WorkProgress(terminal, 'looked at')
  const output = new FindingOutput(terminal, isJson, progress)
  const logger = loggerBeside(progress, isJson, terminal)
  const summary = await rebuildCatalog({
    ...{ directory, logger, onProgress: progress.update },
    onUnsupportedLock: err =>
      logger.warn({ err }, 'the data directory is not locked: make sure that no store runs on it'),
  })
  const { segments, streams, deleteRequests, setAside, oldCatalog, unread } = summary
  for (const what of unread) logger.warn(`cannot read the old catalog's ${what}`)
  const kept = `${counted(segments, 'segment')}, ${counted(streams, 'stream')}, ${counted(deleteRequests, 'delete request')}`
  const old = oldCatalog === undefined ? '' : `; the old one is ${oldCatalog}`
  const aside = setAside === 0 ? '' : `; ${counted(setAside, 'file')} moved to quarantine`
  output.end(summary, `${directory}: new catalog with ${kept}${aside}${old}`)
  return setAside > 0 ? exitCodes.failed : exitCodes.done
}
