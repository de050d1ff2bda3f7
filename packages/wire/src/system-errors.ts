// Explains errors of the operating system in words that help the user.

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'the system does not allow it',
  EROFS: 'the file system is read-only',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is a file, not a directory',
  EEXIST: 'a file with that name exists',
  EISDIR: 'it is a directory',
  ENOSPC: 'the disk is full',
  EMFILE: 'too many open files',
  ELOOP: 'its symbolic links form a loop',
}

const actions: Readonly<Record<string, string>> = {
  mkdir: 'make the directory',
  read: 'read',
  stat: 'read',
  scandir: 'read',
}

/** Advice for the user, with the caller's own flags and keys. */
export interface WaysOut {
  /** For example `-server.http-listen-port=PORT`. */
  readonly port: string
  /** For example `-common.path-prefix=DIRECTORY`. */
  readonly path: string
}

/**
 * Returns in one line what failed, why, and what to do. Returns `undefined` if the error does not
 * come from the system. An error of a listener may name the key of its address as `configKey`.
 */
export function explainSystemError(error: unknown, waysOut?: WaysOut): string | undefined {
  const {
    code = '',
    syscall = '',
    path,
    address,
    port,
    configKey,
  } = error as NodeJS.ErrnoException & {
    readonly address?: string
    readonly port?: number
    readonly configKey?: string
  }
  if (port !== undefined && (syscall === 'listen' || syscall === 'bind')) {
    const place = `${address?.includes(':') ? `[${address}]` : (address ?? '')}:${port}`
    const way = configKey === undefined ? waysOut?.port : `${configKey} in the configuration`
    const remedy = way === undefined ? '' : `: ${way}`
    switch (code) {
      case 'EADDRINUSE':
        return `Cannot listen on ${place}: another program has the port. Stop it, or use another port${remedy}`
      case 'EACCES':
        return `Cannot listen on ${place}: permission denied. Use a port above 1023${remedy}`
      case 'EADDRNOTAVAIL':
        return `Cannot listen on ${place}: this machine does not have that address`
    }
  }
  const reason = reasons[code]
  if (path === undefined || reason === undefined) return undefined
  // If something is missing or is a directory, another writable place does not help.
  const isElsewhere = syscall !== 'mkdir' && ['ENOENT', 'EISDIR'].includes(code)
  const remedy =
    waysOut && !isElsewhere ? `. Choose a place that this user can write: ${waysOut.path}` : ''
  return `Cannot ${actions[syscall] ?? 'open'} ${path}: ${reason}${remedy}`
}
