// Locks what an agent remembers for one process. Two agents that share positions would send lines twice, or
// never.

import { dirname } from 'node:path'
import { DirectoryLockedError, makePrivateDirectory } from '@skald/wire'
import { type DirectoryLock, lockDirectory } from '@skald/wire/directory-lock'
import type { Logger } from 'pino'

export interface StateLockOptions {
  /** Path of the positions file. The lock is next to it, like all other state. */
  readonly positions: string
  /** Directory of the disk buffer. Absent without one. */
  readonly buffer: string | undefined
  readonly logger: Logger
}

/**
 * Locks an agent's state. If an agent on another host or container holds the lock, waits for it: it is the
 * previous one in a rolling update. If the directory is not writable there is nothing to lock; this logs
 * that, and the agent runs without state.
 *
 * @throws DirectoryLockedError if an agent on this host holds the lock.
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
    logger.error({ err: error, path }, `Cannot lock the ${what}: the agent runs without state`)
    return undefined
  }
}
