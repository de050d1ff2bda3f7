// Keeps segments of a bucket on the local disk as far as they were needed, within a bound, so that threads
// read them as files of the segments' directory. A file is here in one of two ways:
//
//   whole    a merge wrote it there
//   partial  a link there, to a file in the cache's directory that has its full length and holes: only
//            ranges that were needed are filled
//
// A partial file is emptied in place, because a thread may have it open: a new file under the same name
// would not be the one that it reads. After a restart nobody knows where the holes are, so partial files
// are removed when the cache is opened. Plain listings do not show links.

import type { FileHandle } from 'node:fs/promises'
import { open, readdir, readlink, rm, symlink, truncate, unlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { makePrivateDirectory, privateFileMode } from '@skald/wire'
import { cacheFillsMax } from '../limits.ts'
import { noteRemoteRead } from '../objects/remote-work.ts'
import { WorkSlots } from '../work-slots.ts'
import { type ByteRange, bytesOf, joinRanges, missingRanges, readsOf } from './byte-ranges.ts'

/** Ranges of a segment. */
export interface WantedRanges {
  readonly segment: string
  readonly sizeBytes: number
  readonly ranges: readonly ByteRange[]
}

export interface SegmentCacheParts {
  /** Directory of the segments. */
  readonly directory: string
  /** Directory of the partial files. Nothing else may be in it. */
  readonly cacheDir: string
  readonly slots: WorkSlots
  /** Reads a range of a segment in the bucket. */
  readonly read: (segment: string, range: ByteRange) => Promise<Buffer>
  /** Returns how many bytes the cache may have if it takes some more. */
  readonly bound: (cachedBytes: number) => Promise<number>
}

interface Entry {
  readonly sizeBytes: number
  form: 'whole' | 'absent' | 'partial'
  /** The filled ranges of a partial file. */
  ranges: readonly ByteRange[]
  /** Tasks that read the file now. */
  pins: number
  /** Whether it is nowhere else, so that it must stay. */
  isOnly: boolean
  /** What is being done to the file as a whole. One thing at a time, and no range is read meanwhile. */
  busy: Promise<unknown>
  /** Ranges that are being read, which may be many. */
  readonly reading: Set<Reading>
}

/** A range on its way from the bucket. */
interface Reading extends ByteRange {
  /** Rejects if it does not arrive. */
  readonly arrived: Promise<void>
}

/** Opens the cache of a store, without the partial files of its last process. */
export async function openSegmentCache(parts: SegmentCacheParts): Promise<SegmentCache> {
  const { directory, cacheDir } = parts
  makePrivateDirectory(cacheDir)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue
    const path = join(directory, entry.name)
    const target = await readlink(path)
    if (target.startsWith(relative(directory, cacheDir))) await unlink(path)
  }
  for (const name of await readdir(cacheDir)) await rm(join(cacheDir, name), { force: true })
  return new SegmentCache(parts)
}

/** The cache. Open it with openSegmentCache. */
export class SegmentCache {
  readonly #parts: SegmentCacheParts
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()
  /** Files being filled, which are open. */
  readonly #fills = new WorkSlots({
    countMax: cacheFillsMax,
    bytesMax: Number.POSITIVE_INFINITY,
  })
  #bytes = 0
  /** How many bytes there may be, when it was last asked. */
  #bound = Number.POSITIVE_INFINITY

  constructor(parts: SegmentCacheParts) {
    this.#parts = parts
  }

  /** Bytes of segments on the disk that may be removed at any time, and of those that wait for their upload. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds a whole file that is in the directory of the segments. */
  addWhole(segment: string, sizeBytes: number, { isOnly }: { readonly isOnly: boolean }): void {
    this.#forget(segment)
    this.#entries.set(segment, { ...newEntry(sizeBytes), form: 'whole', isOnly })
    this.#bytes += sizeBytes
  }

  /** Returns true if all of a segment is on the disk, and nowhere else. */
  isOnly(segment: string): boolean {
    return this.#entries.get(segment)?.isOnly ?? false
  }

  /** Records that a segment is in the bucket now, so that its file may go. */
  async setSafe(segment: string): Promise<void> {
    const entry = this.#entries.get(segment)
    if (!entry?.isOnly) return
    entry.isOnly = false
    await this.#shrinkTo(await this.#askBound())
  }

  async #askBound(): Promise<number> {
    this.#bound = await this.#parts.bound(this.#bytes)
    return this.#bound
  }

  /**
   * Brings ranges onto the disk. They stay until the returned function is called.
   * @throws BucketError; the system's error; an error with the code ENOENT if the object is gone.
   */
  async hold(wanted: readonly WantedRanges[]): Promise<() => void> {
    const pinned: Entry[] = []
    const release = () => {
      for (const entry of pinned.splice(0)) entry.pins--
      // What was held may have been more than there is room for.
      if (this.#bytes > this.#bound) this.#shrinkTo(this.#bound).catch(() => undefined)
    }
    try {
      await allDone(
        wanted.map(async one => {
          const entry = this.#use(one)
          entry.pins++
          pinned.push(entry)
          // A file that has one waits only for others that have one.
          await this.#fills.run(0, () => this.#fill(entry, one))
        }),
      )
      return release
    } catch (error) {
      release()
      throw error
    }
  }

  /** Removes a segment from the disk for good. */
  async remove(segment: string): Promise<void> {
    const entry = this.#entries.get(segment)
    this.#forget(segment)
    if (!entry) return
    await this.#inTurn(entry, async () => {
      entry.ranges = []
      entry.form = 'absent'
      await rm(join(this.#parts.directory, segment), { force: true })
      await rm(join(this.#parts.cacheDir, segment), { force: true })
    })
  }

  /** Empties a file that is in the bucket too, because what is in it is in doubt. */
  async distrust(segment: string): Promise<void> {
    const entry = this.#entries.get(segment)
    if (entry && !entry.isOnly) await this.#empty(segment, entry)
  }

  /** Removes the least recently used files until so many bytes are free. Returns true if it removed any. */
  async shrinkBy(bytes: number): Promise<boolean> {
    return this.#shrinkTo(Math.max(0, this.#bytes - bytes))
  }

  async #shrinkTo(bytes: number): Promise<boolean> {
    let hasRemoved = false
    for (const [segment, entry] of this.#entries) {
      if (this.#bytes <= bytes) break
      if (entry.pins > 0 || entry.isOnly || costOf(entry) === 0) continue
      hasRemoved = true
      await this.#empty(segment, entry)
    }
    return hasRemoved
  }

  async #empty(segment: string, entry: Entry): Promise<void> {
    await this.#inTurn(entry, async () => {
      // It may have been removed meanwhile, or made anew.
      if (this.#entries.get(segment) !== entry) return
      const { form } = entry
      this.#bytes -= costOf(entry)
      entry.ranges = []
      if (form === 'whole') {
        entry.form = 'absent'
        await rm(join(this.#parts.directory, segment), { force: true })
      }
      if (form !== 'partial') return
      const path = join(this.#parts.cacheDir, segment)
      await truncate(path, 0)
      await truncate(path, entry.sizeBytes)
    })
  }

  /** Returns the entry of a segment, as the most recently used one. */
  #use({ segment, sizeBytes }: WantedRanges): Entry {
    const entry = this.#entries.get(segment) ?? newEntry(sizeBytes)
    this.#entries.delete(segment)
    this.#entries.set(segment, entry)
    return entry
  }

  /** Does something to the file as a whole, after all reads that have begun. */
  #inTurn<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    const done = entry.busy.then(async () => {
      await Promise.allSettled([...entry.reading].map(({ arrived }) => arrived))
      return await work()
    })
    entry.busy = done.catch(() => undefined)
    return done
  }

  /** Waits until nothing is done to the file as a whole. */
  async #untilFree(entry: Entry): Promise<void> {
    for (let busy: unknown; busy !== entry.busy; ) {
      busy = entry.busy
      await busy
    }
  }

  async #fill(entry: Entry, { segment, ranges }: WantedRanges): Promise<void> {
    await this.#untilFree(entry)
    if (entry.form === 'whole') return
    const missing = missingRanges(ranges, entry.ranges)
    if (missing.length === 0) return
    if (entry.form === 'absent') {
      await this.#inTurn(entry, () => this.#createPartial(segment, entry))
      return this.#fill(entry, { segment, sizeBytes: entry.sizeBytes, ranges })
    }
    const underWay = [...entry.reading]
    const others = joinRanges([...entry.ranges, ...underWay])
    const reads = readsOf(missingRanges(missing, others)).flatMap(read =>
      missingRanges([read], others),
    )
    const begun = reads.length > 0 ? this.#readAll(segment, entry, reads) : []
    const awaited = underWay.filter(({ start, end }) =>
      missing.some(range => range.start < end && start < range.end),
    )
    await allDone([...begun, ...awaited.map(({ arrived }) => arrived)])
  }

  /** Begins to read ranges that nobody reads yet. */
  #readAll(segment: string, entry: Entry, reads: readonly ByteRange[]): Promise<void>[] {
    const opened = this.#openFor(segment, bytesOf(reads))
    const arrivals = reads.map(read => {
      const arrived = this.#readOne(segment, entry, { read, opened })
      const reading = { ...read, arrived }
      entry.reading.add(reading)
      const end = () => entry.reading.delete(reading)
      arrived.then(end, end)
      return arrived
    })
    const close = async () => (await opened).close()
    Promise.allSettled(arrivals)
      .then(close)
      .catch(() => undefined)
    return arrivals
  }

  /** Makes room for bytes, and opens the partial file that they go to. */
  async #openFor(segment: string, bytes: number): Promise<FileHandle> {
    await this.#shrinkTo((await this.#askBound()) - bytes)
    return open(join(this.#parts.cacheDir, segment), 'r+')
  }

  async #readOne(
    segment: string,
    entry: Entry,
    { read, opened }: { readonly read: ByteRange; readonly opened: Promise<FileHandle> },
  ): Promise<void> {
    const file = await opened
    const bytes = read.end - read.start
    noteRemoteRead(bytes)
    await this.#parts.slots.run(bytes, async () => {
      const found = await this.#parts.read(segment, read)
      await writeAll(file, found, read.start)
    })
    // It may have been removed meanwhile. Then the bytes go with the file.
    if (this.#entries.get(segment) !== entry) return
    this.#bytes += bytes
    entry.ranges = joinRanges([...entry.ranges, read])
  }

  async #createPartial(segment: string, entry: Entry): Promise<void> {
    if (entry.form !== 'absent') return
    const { directory, cacheDir } = this.#parts
    const file = await open(join(cacheDir, segment), 'w+', privateFileMode)
    try {
      await file.truncate(entry.sizeBytes)
      const link = join(directory, segment)
      await rm(link, { force: true })
      await symlink(join(relative(directory, cacheDir), segment), link)
      entry.form = 'partial'
    } finally {
      await file.close()
    }
  }

  #forget(segment: string): void {
    const entry = this.#entries.get(segment)
    if (!entry) return
    this.#bytes -= costOf(entry)
    this.#entries.delete(segment)
  }
}

/** Waits for all, so that what belongs to a file that is let go has ended. @throws the first error. */
async function allDone(promises: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(promises)
  await Promise.all(promises)
}

function newEntry(sizeBytes: number): Entry {
  const state = { form: 'absent', ranges: [], pins: 0, isOnly: false } as const
  return { ...state, sizeBytes, busy: Promise.resolve(), reading: new Set() }
}

function costOf({ form, sizeBytes, ranges }: Entry): number {
  return form === 'whole' ? sizeBytes : bytesOf(ranges)
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}
