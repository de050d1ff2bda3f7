// Where segments lie: whole objects by name, written once, read in ranges. The local directory is one
// implementation; an S3 bucket has the same operations.

/** What `list` tells of an object. */
export interface ObjectInfo {
  readonly name: string
  readonly sizeBytes: number
}

/** Keeps immutable objects. All methods reject with what the medium says. */
export interface ObjectStore {
  /**
   * Writes an object from its pieces. Settles when it is durable: it survives a power loss. A crash
   * before that may leave a cut object behind, which its reader must be able to tell.
   */
  put(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void>
  /** Reads a range; fewer bytes come back where the object ends. */
  read(name: string, offsetBytes: number, length: number): Promise<Buffer>
  /** Removes objects; one that is not there is no error. Settles when they are gone for good. */
  delete(names: readonly string[]): Promise<void>
  /** Takes an object out of the list without losing it: a person decides what becomes of it. */
  setAside(name: string): Promise<void>
  list(): Promise<ObjectInfo[]>
}
