// One process at a time in a directory. The kernel keeps the lock (an open file description lock on a file
// in it), so it is gone the moment its process is, however that ends, and it holds between containers that
// share a volume. On NFS the server keeps it: a client that vanished holds it until its lease is over.
//
// The file says in one line of JSON who has the lock, for people and for the error of whoever comes second.
// What it says counts for nothing else: after a crash it names a process that is gone.

import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryLockedError } from './errors.ts'
import { privateFileMode } from './file-modes.ts'
import { lockRetryMs } from './limits.ts'

/** The process that has a lock, as far as it said so. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  /** Its namespace of process ids: two containers on one host have different ones. Empty where there is none. */
  readonly pidNamespace: string
  /** What it is, such as `store`. */
  readonly role: string
}

/** A lock that this process has. */
export interface DirectoryLock {
  /** Lets the next one in. Calling it again does nothing. */
  release(): Promise<void>
}

export interface DirectoryLockOptions {
  /** The file that carries the lock; its directory has to be there. It stays when the lock is released. */
  readonly path: string
  /** What is locked, as an error names it: `data directory /var/lib/skald`. */
  readonly what: string
  /** What this process is, such as `store`. */
  readonly role: string
  /**
   * Told once when another process, in another container or on another host, has the lock and this one
   * waits for it. Without it nothing is waited for.
   */
  readonly onWait?: (holder: LockHolder | undefined) => Promise<void> | void
  /** Ends the waiting. */
  readonly signal?: AbortSignal
  /** Told why there are no locks on this system (musl has none as yet); then the directory is not locked. */
  readonly onUnsupported: (why: Error) => void
}

/**
 * Takes the lock. A process of the same host and container that has it is a mistake of whoever started
 * both, and ends the attempt at once; one elsewhere is the one before in a rolling update, and is waited for.
 *
 * @throws DirectoryLockedError when another has it; the signal's reason when it ends the waiting; the
 * system's error when the file cannot be had.
 */
export async function lockDirectory(options: DirectoryLockOptions): Promise<DirectoryLock> {
  const { path, what, role, onWait, signal, onUnsupported } = options
  const tryLock = await loadTryLock(onUnsupported)
  if (!tryLock) return { release: async () => {} }
  const file = await open(path, 'a+', privateFileMode)
  try {
    let isWaiting = false
    while (!tryLock(file.fd)) {
      const holder = readHolder(path)
      if (!onWait || (holder && isHere(holder))) throw new DirectoryLockedError(what, holder)
      if (!isWaiting) await onWait(holder)
      isWaiting = true
      await sleep(lockRetryMs, undefined, { signal })
    }
    await say(file, { pid: process.pid, host: hostname(), pidNamespace: pidNamespace(), role })
  } catch (error) {
    await file.close()
    throw error
  }
  let isReleased = false
  return {
    async release() {
      if (isReleased) return
      isReleased = true
      await file.close()
    },
  }
}

/** Loads the native part, which not every system has. */
async function loadTryLock(
  onUnsupported: (why: Error) => void,
): Promise<((descriptor: number) => boolean) | undefined> {
  try {
    return (await import('fs-native-extensions')).tryLock
  } catch (error) {
    onUnsupported(error as Error)
    return undefined
  }
}

async function say(file: FileHandle, holder: LockHolder): Promise<void> {
  try {
    await file.truncate(0)
    await file.write(`${JSON.stringify(holder)}\n`)
  } catch (error) {
    // A full disk keeps nobody from having the lock; it is only not said who has it.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

/** Reads who has a lock; `undefined` where the file does not say. */
function readHolder(path: string): LockHolder | undefined {
  const descriptor = openSync(path, 'r')
  try {
    const said = JSON.parse(readFileSync(descriptor, 'utf8')) as LockHolder
    return Number.isInteger(said.pid) && typeof said.host === 'string' ? said : undefined
  } catch {
    // Empty, or being written: whoever has the lock has not said so yet.
    return undefined
  } finally {
    closeSync(descriptor)
  }
}

function isHere(holder: LockHolder): boolean {
  return holder.host === hostname() && holder.pidNamespace === pidNamespace()
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    // Only Linux has them.
    return ''
  }
}
