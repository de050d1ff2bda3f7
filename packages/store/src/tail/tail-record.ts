// Records which live tails are open and what they have been sent, in a file that survives a kill:
//
//   {"sent":"0000000000001234","tails":[{"key":"<query>","count":2}, …]}
//
// The file is rewritten when the list changes. The number, always 16 digits, is overwritten in place with
// each commit that was sent. Nothing is synced, because the system keeps what a killed process has written.
// After a power loss the file may be missing or old, and tails start as new ones.

import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { privateFileMode } from '@skald/wire'
import type { Logger } from 'pino'
import { tailRecordKeysMax } from '../limits.ts'

/** Open tails with the same query. */
interface RecordedTail {
  readonly key: string
  readonly count: number
  /** Sequence of the last commit they were sent. Absent in the file if it is the file's `sent`. */
  readonly sent?: number
}

interface RecordText {
  readonly sent: string
  readonly tails: readonly RecordedTail[]
}

export interface TailRecordOptions {
  readonly path: string
  /** Highest sequence in use. Tails that open now get what comes after it. */
  readonly sent: number
  readonly logger: Logger
}

const sentDigits = 16
const sentOffset = '{"sent":"'.length

/** The record of this process, and of the tails that the last one left open. */
export class TailRecord {
  readonly #path: string
  readonly #logger: Logger
  readonly #interrupted: Map<string, Required<RecordedTail>>
  /** Interrupted tails that have returned but do not have all missed entries yet. */
  #resuming: Required<RecordedTail>[] = []
  readonly #open = new Map<string, number>()
  #sent: number
  #file: number | undefined
  #isClosed = false

  constructor({ path, sent, logger }: TailRecordOptions) {
    this.#path = path
    this.#logger = logger
    this.#sent = sent
    this.#interrupted = this.#read()
  }

  /** The last commits sent to interrupted tails that still miss something. */
  get interrupted(): readonly number[] {
    return [...this.#interrupted.values(), ...this.#resuming].map(({ sent }) => sent)
  }

  /**
   * Takes over a tail that was left open. Returns the last commit it was sent, or `undefined` if
   * there is none.
   */
  claim(key: string): number | undefined {
    const left = this.#interrupted.get(key)
    if (!left) return undefined
    if (left.count > 1) this.#interrupted.set(key, { ...left, count: left.count - 1 })
    else this.#interrupted.delete(key)
    this.#resuming.push({ ...left, count: 1 })
    return left.sent
  }

  /** Records a tail as open once it has all entries of the commits so far. */
  open(key: string): void {
    const resumed = this.#resuming.findIndex(tail => tail.key === key)
    if (resumed >= 0) this.#resuming.splice(resumed, 1)
    const count = this.#open.get(key) ?? 0
    if (count > 0 || this.#open.size < tailRecordKeysMax) this.#open.set(key, count + 1)
    this.#write()
  }

  /** Records that a tail was closed. */
  close(key: string): void {
    const count = this.#open.get(key)
    if (count === undefined) return
    if (count > 1) this.#open.set(key, count - 1)
    else this.#open.delete(key)
    this.#write()
  }

  /** Records that all open tails have been sent a commit. */
  sent(sequence: number): void {
    if (sequence <= this.#sent) return
    this.#sent = sequence
    if (this.#isClosed || this.#file === undefined || this.#open.size === 0) return
    try {
      writeSync(this.#file, sentText(sequence), sentOffset)
    } catch (error) {
      this.#giveUp(error as Error)
    }
  }

  /** Forgets the tails that have not returned. */
  forgetInterrupted(): void {
    if (this.interrupted.length === 0) return
    this.#interrupted.clear()
    this.#resuming = []
    this.#write()
  }

  /** Leaves the file unchanged, so that the next process finds the tails that are open now. */
  end(): void {
    this.#isClosed = true
    this.#closeFile()
  }

  #read(): Map<string, Required<RecordedTail>> {
    try {
      const { sent, tails } = JSON.parse(readFileSync(this.#path, 'utf8')) as RecordText
      return joinEqual(tails.map(tail => ({ sent: Number(sent), ...tail })))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn(
          { err: error, path: this.#path },
          'cannot read which live tails were open: they start as new ones',
        )
      }
      return new Map()
    }
  }

  #write(): void {
    if (this.#isClosed) return
    const open = [...this.#open].map(([key, count]) => ({ key, count }))
    const tails = [...open, ...this.#interrupted.values(), ...this.#resuming]
    const text = JSON.stringify({ sent: sentText(this.#sent), tails })
    try {
      const path = `${this.#path}.new`
      const file = openSync(path, 'w', privateFileMode)
      this.#closeFile()
      this.#file = file
      // Not writeSync, which may write only a part.
      writeFileSync(file, text)
      renameSync(path, this.#path)
    } catch (error) {
      this.#giveUp(error as Error)
    }
  }

  /** An old record would repeat entries. Having none is better, until the list changes. */
  #giveUp(error: Error): void {
    this.#logger.warn(
      { err: error, path: this.#path },
      'cannot record which live tails are open: after a restart they start as new ones',
    )
    this.#closeFile()
    try {
      rmSync(this.#path, { force: true })
    } catch {
      // Whatever prevented the write may prevent the removal too. It is already logged.
    }
  }

  #closeFile(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

function sentText(sequence: number): string {
  return String(sequence).padStart(sentDigits, '0')
}

/** Joins tails of the same query. They continue together, from the earliest of them. */
function joinEqual(tails: readonly Required<RecordedTail>[]): Map<string, Required<RecordedTail>> {
  const joined = new Map<string, Required<RecordedTail>>()
  for (const { key, count, sent } of tails) {
    const other = joined.get(key) ?? { count: 0, sent }
    joined.set(key, { key, count: count + other.count, sent: Math.min(sent, other.sent) })
  }
  return joined
}
