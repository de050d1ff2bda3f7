// The system's files, of which chosen calls fail.

import { type OpenFile, type StoreFiles, systemFiles } from '../../src/objects/files.ts'
import type { CallKind } from './simulated-disk.ts'

/** Returns the code of the error of a call, or `undefined` if it works. */
export type CallCheck = (kind: CallKind, path: string) => string | undefined

/** Wraps the system's files. */
export function failingFiles(check: CallCheck): StoreFiles {
  const guard = async <T>(kind: CallKind, path: string, work: () => Promise<T>): Promise<T> => {
    const code = check(kind, path)
    if (code === undefined) return work()
    throw Object.assign(new Error(`${code}: ${kind} '${path}'`), { code, syscall: kind, path })
  }
  return {
    open: (path, flags, mode) =>
      guard('open', path, async () => wrap(path, await systemFiles.open(path, flags, mode), guard)),
    makeDirectory: path => guard('mkdir', path, () => systemFiles.makeDirectory(path)),
    list: path => guard('list', path, () => systemFiles.list(path)),
    sizeBytes: path => guard('size', path, () => systemFiles.sizeBytes(path)),
    rename: (from, to) => guard('rename', from, () => systemFiles.rename(from, to)),
    unlink: path => guard('unlink', path, () => systemFiles.unlink(path)),
    link: (path, other) => guard('link', path, () => systemFiles.link(path, other)),
    copy: (path, other) => systemFiles.copy(path, other),
  }
}

function wrap(
  path: string,
  file: OpenFile,
  guard: <T>(kind: CallKind, path: string, work: () => Promise<T>) => Promise<T>,
): OpenFile {
  return {
    writev: buffers => guard('writev', path, () => file.writev(buffers)),
    read: (buffer, offset, length, position) =>
      guard('read', path, () => file.read(buffer, offset, length, position)),
    datasync: () => guard('datasync', path, () => file.datasync()),
    sync: () => guard('sync', path, () => file.sync()),
    close: () => file.close(),
  }
}
