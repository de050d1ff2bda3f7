// Defines where segments are stored: whole objects by name, written once, read in ranges. The local
// directory is one implementation; an S3 bucket offers the same operations.

/** One object in a listing. */
export interface ObjectInfo {
  readonly name: string
  readonly sizeBytes: number
}

/** Stores immutable objects. All methods reject with the error of the storage medium. */
export interface ObjectStore {
  /**
   * Writes an object from its pieces. Resolves once it is durable and would survive a power loss. A
   * crash before that may leave an incomplete object, which its reader must be able to detect.
   */
  put(name: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void>
  /**
   * Makes sure that objects would survive a power loss, which a process that was killed while it
   * wrote them may not have done.
   */
  secure(names: readonly string[]): Promise<void>
  /** Reads a range. Returns fewer bytes if the object ends early. */
  read(name: string, offsetBytes: number, length: number): Promise<Buffer>
  /** Removes objects. A missing object is not an error. Resolves once they are gone for good. */
  delete(names: readonly string[]): Promise<void>
  /**
   * Takes an object out of the listing without deleting it, so that a person can decide what to do
   * with it.
   */
  setAside(name: string): Promise<void>
  /**
   * Keeps a damaged object in the same place, while it stays in the listing until it is deleted.
   * Resolves once what is kept would survive a power loss. Keeping it again changes nothing.
   */
  keepAside(name: string): Promise<void>
  list(): Promise<ObjectInfo[]>
  /** Whether each read of an object may cost a request to a bucket. Absent if none does. */
  isAfar?(name: string): boolean
}
