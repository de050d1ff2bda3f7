// Allows only one process at a time in a directory. The lock is an open file description lock on a
// file in it. The kernel releases it when its process ends, however that happens, and it works
// between containers that share a volume. On NFS the server holds it: if a client vanishes, it
// stays locked until its lease ends.
//
// The file names the holder in one line of JSON, for people and for the error of the next process.
// Its content has no other effect: after a crash it names a process that is gone.

import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryLockedError } from './errors.ts'
import { privateFileMode } from './file-modes.ts'
import { lockRetryMs } from './limits.ts'

/** The process that holds a lock, as written in the lock file. */
export interface LockHolder {
  readonly pid: number
  readonly host: string
  /**
   * Its namespace of process ids, which differs between containers on one host. Empty if there is
   * none.
   */
  readonly pidNamespace: string
  /** The kind of process, such as `store`. */
  readonly role: string
}

/** A lock that this process holds. */
export interface DirectoryLock {
  /** Releases the lock. Further calls do nothing. */
  release(): Promise<void>
}

export interface DirectoryLockOptions {
  /** The lock file. Its directory must exist. The file stays after the release. */
  readonly path: string
  /** What is locked, for error messages: `data directory /var/lib/skald`. */
  readonly what: string
  /** The kind of this process, such as `store`. */
  readonly role: string
  /**
   * Called once when this process starts to wait for one in another container or on another host.
   * If absent, it does not wait.
   */
  readonly onWait?: (holder: LockHolder | undefined) => Promise<void> | void
  /** Aborts the wait. */
  readonly signal?: AbortSignal
  /**
   * Called with the reason if the system has no such locks (currently musl). The directory is then
   * not locked.
   */
  readonly onUnsupported: (why: Error) => void
}

/**
 * Takes the lock. If a process of the same host and container holds it, starting both was a
 * mistake, and this fails at once. A holder elsewhere is the old process of a rolling update, so
 * this waits for it.
 * @throws DirectoryLockedError when another process holds the lock; the signal's reason when it
 * aborts the wait; the system's error when the file cannot be opened.
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

/** Loads the native part, which does not exist for every system. */
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
    // A full disk does not prevent the lock; the file just does not name its holder.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

/** Reads the holder of a lock, or `undefined` if the file does not name one. */
function readHolder(path: string): LockHolder | undefined {
  const descriptor = openSync(path, 'r')
  try {
    const said = JSON.parse(readFileSync(descriptor, 'utf8')) as LockHolder
    return Number.isInteger(said.pid) && typeof said.host === 'string' ? said : undefined
  } catch {
    // Empty or being written: the holder has not written its name yet.
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
    // Only Linux has namespaces.
    return ''
  }
}
