// Finds the records of files by anything known about a file.

import { basename, dirname } from 'node:path'
import { identityKey } from '../files/file-identity.ts'
import { recordKey, stemOf } from './found-file.ts'
import type { FileRecord } from './positions.ts'

/** Records by path, by inode, and by name. */
export class RecordIndex implements Iterable<FileRecord> {
  readonly #byId = new Map<string, FileRecord>()
  /** Records of each path, in the order its files were found. */
  readonly #byPath = new Map<string, FileRecord[]>()
  /** A record whose inode was reused has no entry. */
  readonly #byInode = new Map<string, FileRecord>()
  /** By directory and the common prefix of all names the file may have. */
  readonly #byStem = new Map<string, Set<FileRecord>>()

  /** Adds a record. Replaces one with the same name. */
  add(record: FileRecord): void {
    const former = this.#byId.get(record.id)
    if (former) this.delete(former)
    this.#byId.set(record.id, record)
    const key = keyOf(record.scope, record.path)
    const ofPath = this.#byPath.get(key) ?? []
    this.#byPath.set(key, ofPath)
    const at = ofPath.findLastIndex(({ order }) => order <= record.order)
    ofPath.splice(at + 1, 0, record)
    this.#place(record)
  }

  get(id: string): FileRecord | undefined {
    return this.#byId.get(id)
  }

  delete(record: FileRecord): void {
    if (!this.#has(record)) return
    this.#byId.delete(record.id)
    const key = keyOf(record.scope, record.path)
    const others = this.#byPath.get(key)!
    others.splice(others.indexOf(record), 1)
    if (others.length === 0) this.#byPath.delete(key)
    this.#displace(record)
  }

  /** Iterates over the current records, unaffected by later changes. */
  [Symbol.iterator](): Iterator<FileRecord> {
    return [...this.#byId.values()].values()
  }

  #has(record: FileRecord): boolean {
    return this.#byId.get(record.id) === record
  }

  /** Changes where a record's file is. A record that is not in the index is only changed. */
  move(record: FileRecord, change: () => void): void {
    const isHere = this.#has(record)
    if (isHere) this.#displace(record)
    change()
    if (isHere) this.#place(record)
  }

  #place(record: FileRecord): void {
    const key = inodeKey(record)
    const known = this.#byInode.get(key)
    if (!known || known.order <= record.order) this.#byInode.set(key, record)
    const stem = stemKey(record)
    this.#byStem.set(stem, (this.#byStem.get(stem) ?? new Set()).add(record))
  }

  #displace(record: FileRecord): void {
    this.forgetInode(record)
    const stem = stemKey(record)
    const others = this.#byStem.get(stem)
    others?.delete(record)
    if (others?.size === 0) this.#byStem.delete(stem)
  }

  /** Removes a record's inode, because it belongs to another file now. */
  forgetInode(record: FileRecord): void {
    const key = inodeKey(record)
    if (this.#byInode.get(key) === record) this.#byInode.delete(key)
  }

  withInode(
    scope: string,
    stats: { readonly dev: bigint; readonly ino: bigint },
  ): FileRecord | undefined {
    return this.#byInode.get(keyOf(scope, identityKey(stats)))
  }

  /** Lists the records of a path, in the order the files were found. */
  ofPath(scope: string, path: string): readonly FileRecord[] {
    return [...(this.#byPath.get(keyOf(scope, path)) ?? [])]
  }

  /** Lists the newest record of each path. */
  newest(): FileRecord[] {
    return [...this.#byPath.values()].map(records => records.at(-1)!)
  }

  /** Lists the records that a file at this path may be another form of. */
  alike(scope: string, path: string): FileRecord[] {
    const [directory, name] = [dirname(path), basename(path)]
    const found: FileRecord[] = []
    for (let length = 0; length <= name.length; length++) {
      found.push(...(this.#byStem.get(keyOf(scope, directory, name.slice(0, length))) ?? []))
    }
    return found
  }
}

function keyOf(...parts: readonly string[]): string {
  return parts.join('\u0000')
}

function inodeKey(record: FileRecord): string {
  return keyOf(record.scope, recordKey(record))
}

function stemKey(record: FileRecord): string {
  return keyOf(record.scope, dirname(record.foundAt), stemOf(record))
}
