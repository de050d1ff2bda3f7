// The samples that wait on the disk for one server: files of lines, in order, and the place up to which the server has
// them. They survive the end of the process. If they become too many, the oldest file goes.

import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { appendFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  createLabelSet,
  labelSetToObject,
  makePrivateDirectory,
  privateFileMode,
} from '@skald/wire'
import { writeQueueBytesMax, writeQueueFileBytes } from '../limits.ts'
import type { SamplesOfTenant } from './write-request.ts'

/** A place in the files. */
interface Place {
  readonly file: number
  /** In bytes. */
  readonly offset: number
}

/** A place as its file has it. */
interface SavedPlace extends Place {
  readonly sending?: Place
}

/** A piece of what waits. */
export interface FilesPiece {
  readonly records: readonly SamplesOfTenant[]
  /** Where the next piece begins. */
  readonly next: Place
}

export interface WriteFilesOptions {
  readonly directory: string
  readonly fileBytes?: number
  readonly bytesMax?: number
  /** Called with the number of samples of a file that was dropped. */
  readonly onDrop: (samples: number) => void
}

/** The files of one server. */
export class WriteFiles {
  readonly #options: Required<WriteFilesOptions>
  /** Number and bytes of each file, oldest first. */
  readonly #sizes = new Map<number, number>()
  #place: Place
  /** Where the piece ends that is being sent, or was by a process that ended before it noted the answer. */
  #sending: Place | undefined
  /** Whether the newest file may end within a record, so that the next one needs a new file. */
  #isTorn: boolean
  #writing: Promise<void> = Promise.resolve()

  /** Opens the files of a directory. Creates it if it is missing. */
  constructor(options: WriteFilesOptions) {
    this.#options = { fileBytes: writeQueueFileBytes, bytesMax: writeQueueBytesMax, ...options }
    const { directory } = options
    makePrivateDirectory(directory)
    const names = readdirSync(directory).filter(name => /^\d{10}\.jsonl$/.test(name))
    for (const name of names.sort())
      this.#sizes.set(Number.parseInt(name, 10), statSync(join(directory, name)).size)
    const { place, sending } = this.#readPlace()
    this.#place = place
    this.#sending = sending
    const last = [...this.#sizes.keys()].at(-1)
    this.#isTorn = last !== undefined && !endsLine(this.#pathOf(last))
  }

  /** Bytes that the server does not have yet. */
  get waitingBytes(): number {
    let bytes = -this.#place.offset
    for (const [file, size] of this.#sizes) if (file >= this.#place.file) bytes += size
    return Math.max(0, bytes)
  }

  /** Adds samples. Resolves once they are in the file. @throws the system's error. */
  append(record: SamplesOfTenant): Promise<void> {
    const line = `${formatRecord(record)}\n`
    const written = this.#writing.then(() => this.#append(line))
    this.#writing = written.catch(() => undefined)
    return written
  }

  /** Whether the next piece was begun already. Then it is the same again, however much has come since. */
  get hasBegun(): boolean {
    return this.#sending !== undefined
  }

  /**
   * Returns what comes next, at least one record and about `samplesMax` samples; `undefined` if nothing waits.
   * @param from Where to begin, if not where the server has everything before.
   */
  async read(samplesMax: number, from: Place = this.#place): Promise<FilesPiece | undefined> {
    const until = from === this.#place ? this.#sending : undefined
    let { file, offset } = from
    const records: SamplesOfTenant[] = []
    let count = 0
    for (;;) {
      const isLast = file === until?.file
      const end = isLast ? until.offset : (this.#sizes.get(file) ?? 0)
      if (offset >= end) {
        const later = [...this.#sizes.keys()].find(number => number > file)
        if (isLast || later === undefined) break
        file = later
        offset = 0
        continue
      }
      const stream = createReadStream(this.#pathOf(file), { start: offset, end: end - 1 })
      const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
      for await (const line of lines) {
        offset += Buffer.byteLength(line) + 1
        const record = parseRecord(line)
        if (!record) continue
        records.push(record)
        count += record.samples.length
        if (count >= samplesMax && !until) break
      }
      stream.destroy()
      offset = Math.min(offset, end)
      if (count >= samplesMax && !until) break
    }
    const next = { file, offset }
    const isSame = next.file === from.file && next.offset === from.offset
    return isSame ? undefined : { records, next }
  }

  /** Notes that a piece is sent from now on. @throws the system's error. */
  async begin({ next }: Pick<FilesPiece, 'next'>): Promise<void> {
    this.#sending = next
    await this.#savePlace()
  }

  async #savePlace(): Promise<void> {
    const path = join(this.#options.directory, 'place.json')
    const saved: SavedPlace = { ...this.#place, ...(this.#sending && { sending: this.#sending }) }
    await writeFile(`${path}.new`, JSON.stringify(saved), { mode: privateFileMode })
    await rename(`${path}.new`, path)
  }

  /** Says that the server has everything before a place. @throws the system's error. */
  async settle(next: Place): Promise<void> {
    this.#sending = undefined
    // A file may have been dropped meanwhile, with what comes after the place.
    if (next.file < this.#place.file) return
    this.#place = next
    await this.#savePlace()
    for (const file of [...this.#sizes.keys()]) if (file < next.file) await this.#remove(file)
  }

  /** Waits until everything added is in the files. */
  async close(): Promise<void> {
    await this.#writing
  }

  async #append(line: string): Promise<void> {
    const { fileBytes, bytesMax, onDrop } = this.#options
    const last = [...this.#sizes.keys()].at(-1) ?? 0
    const isFull = this.#isTorn || (this.#sizes.get(last) ?? fileBytes) >= fileBytes
    const file = isFull ? Math.max(last, this.#place.file) + 1 : last
    this.#sizes.set(file, this.#sizes.get(file) ?? 0)
    // It stays so if a full disk cuts the record.
    this.#isTorn = true
    await appendFile(this.#pathOf(file), line, { mode: privateFileMode })
    this.#isTorn = false
    this.#sizes.set(file, (this.#sizes.get(file) ?? 0) + Buffer.byteLength(line))
    while (this.#sizes.size > 1 && this.waitingBytes > bytesMax) {
      const [oldest] = this.#sizes.keys()
      onDrop(this.#countIn(oldest!))
      await this.#remove(oldest!)
      this.#place = { file: [...this.#sizes.keys()][0]!, offset: 0 }
      if (this.#sending && this.#sending.file < this.#place.file) this.#sending = undefined
    }
  }

  #countIn(file: number): number {
    const from = file === this.#place.file ? this.#place.offset : 0
    const lines = readFileSync(this.#pathOf(file)).subarray(from).toString('utf8').split('\n')
    return lines.reduce((sum, line) => sum + (parseRecord(line)?.samples.length ?? 0), 0)
  }

  async #remove(file: number): Promise<void> {
    this.#sizes.delete(file)
    await rm(this.#pathOf(file), { force: true })
  }

  #readPlace(): { readonly place: Place; readonly sending: Place | undefined } {
    const path = join(this.#options.directory, 'place.json')
    const [first = 0] = this.#sizes.keys()
    const begin = { place: { file: first, offset: 0 }, sending: undefined }
    if (!existsSync(path)) return begin
    try {
      const { file, offset, sending } = JSON.parse(readFileSync(path, 'utf8')) as SavedPlace
      // After a power cut, a file may be shorter than its place.
      const size = this.#sizes.get(file) ?? 0
      const isThere = sending && sending.offset <= (this.#sizes.get(sending.file) ?? -1)
      return {
        place: file >= first ? { file, offset: Math.min(offset, size) } : begin.place,
        sending: isThere ? sending : undefined,
      }
    } catch {
      // Torn by a full disk. What is sent again, servers recognize.
      return begin
    }
  }

  #pathOf(file: number): string {
    return join(this.#options.directory, `${String(file).padStart(10, '0')}.jsonl`)
  }
}

/** Returns false if a kill or a full disk has cut the last line of a file. */
function endsLine(path: string): boolean {
  const text = readFileSync(path)
  return text.length === 0 || text.at(-1) === 0x0a
}

/** Writes samples as a line of JSON. */
export function formatRecord({ tenant, samples }: SamplesOfTenant): string {
  const written = samples.map(({ labels, timeMs, value }) => [
    labelSetToObject(labels),
    timeMs,
    // JSON has no NaN and no infinity.
    typeof value === 'number' && Number.isFinite(value) ? value : String(value),
  ])
  return JSON.stringify({ tenant, samples: written })
}

/** Reads such a line. Returns `undefined` for one that a kill or a full disk has cut. */
export function parseRecord(line: string): SamplesOfTenant | undefined {
  if (line === '') return undefined
  try {
    const { tenant, samples } = JSON.parse(line) as {
      tenant: string
      samples: [Record<string, string>, number, number | string][]
    }
    return {
      tenant,
      samples: samples.map(([labels, timeMs, value]) => ({
        labels: createLabelSet(labels),
        timeMs,
        value: value === 'stale' ? 'stale' : Number(value),
      })),
    }
  } catch {
    return undefined
  }
}
