// What an agent remembers belongs to one process: two that read and write the same positions would send lines
// twice, or never.

import { dirname } from 'node:path'
import { DirectoryLockedError, makePrivateDirectory } from '@skald/wire'
import { type DirectoryLock, lockDirectory } from '@skald/wire/directory-lock'
import type { Logger } from 'pino'

export interface StateLockOptions {
  /** Path of the positions file; the lock stands beside it, as all that is remembered. */
  readonly positions: string
  /** Directory of the disk buffer; absent without one. */
  readonly buffer: string | undefined
  readonly logger: Logger
}

/**
 * Takes the locks of what an agent remembers. An agent of another host or container that has them is waited
 * for: it is the one before in a rolling update. Where nothing can be written there is nothing to lock; that is
 * told, and the agent runs without a memory.
 *
 * @throws DirectoryLockedError when an agent of this host has them.
 */
export async function lockState(options: StateLockOptions): Promise<DirectoryLock> {
  const { positions, buffer, logger } = options
  const wanted = [{ path: `${positions}.lock`, what: `positions file ${positions}` }]
  if (buffer !== undefined) wanted.push({ path: `${buffer}.lock`, what: `disk buffer ${buffer}` })
  const locks: DirectoryLock[] = []
  const release = async () => {
    for (const lock of locks.toReversed()) await lock.release()
  }
  try {
    for (const { path, what } of wanted) {
      const lock = await lockOne(path, what, logger)
      if (lock) locks.push(lock)
    }
  } catch (error) {
    await release()
    throw error
  }
  return { release }
}

async function lockOne(
  path: string,
  what: string,
  logger: Logger,
): Promise<DirectoryLock | undefined> {
  try {
    makePrivateDirectory(dirname(path))
    return await lockDirectory({
      ...{ path, what, role: 'agent' },
      onUnsupported: error =>
        logger.warn({ err: error }, `The ${what} is not locked: run one agent on it, no more`),
      onWait: holder => logger.warn({ holder }, `Waiting for the ${what}: another process has it`),
    })
  } catch (error) {
    if (error instanceof DirectoryLockedError) throw error
    logger.error({ err: error, path }, `Cannot lock the ${what}: nothing can be remembered there`)
    return undefined
  }
}
