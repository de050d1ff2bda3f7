// Which live tails are open and how far they are served, in a file that outlives a killed process:
//
//   {"sent":"0000000000001234","tails":[{"key":"<query>","count":2}, …]}
//
// The list is written anew when it changes; the number, always 16 digits, is written over in place with
// each commit that went out. Nothing is synced: the system keeps what a killed process has written. After
// a power loss it may be missing or old, and tails begin as new ones.

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

/** Open tails that ask the same. */
interface RecordedTail {
  readonly key: string
  readonly count: number
  /** Sequence of the last commit they were sent; in the file absent for those served up to `sent`. */
  readonly sent?: number
}

interface RecordText {
  readonly sent: string
  readonly tails: readonly RecordedTail[]
}

export interface TailRecordOptions {
  readonly path: string
  /** Highest sequence in use: tails that open now are served what comes after. */
  readonly sent: number
  readonly logger: Logger
}

const sentDigits = 16
const sentOffset = '{"sent":"'.length

/** The record of a running process, and of what the one before it left open. */
export class TailRecord {
  readonly #path: string
  readonly #logger: Logger
  readonly #interrupted: Map<string, Required<RecordedTail>>
  /** Interrupted ones that are back and have not been sent all that they missed. */
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

  /** How far the tails were served that the process before left open and that still miss something. */
  get interrupted(): readonly number[] {
    return [...this.#interrupted.values(), ...this.#resuming].map(({ sent }) => sent)
  }

  /** Takes a tail for one that was left open: returns the last commit it was sent, if there is one. */
  claim(key: string): number | undefined {
    const left = this.#interrupted.get(key)
    if (!left) return undefined
    if (left.count > 1) this.#interrupted.set(key, { ...left, count: left.count - 1 })
    else this.#interrupted.delete(key)
    this.#resuming.push({ ...left, count: 1 })
    return left.sent
  }

  /** Notes as open a tail that was sent all it wants of the commits up to now. */
  open(key: string): void {
    const resumed = this.#resuming.findIndex(tail => tail.key === key)
    if (resumed >= 0) this.#resuming.splice(resumed, 1)
    const count = this.#open.get(key) ?? 0
    if (count > 0 || this.#open.size < tailRecordKeysMax) this.#open.set(key, count + 1)
    this.#write()
  }

  /** Notes that a tail was closed. */
  close(key: string): void {
    const count = this.#open.get(key)
    if (count === undefined) return
    if (count > 1) this.#open.set(key, count - 1)
    else this.#open.delete(key)
    this.#write()
  }

  /** Notes that all open tails were sent what they want of a commit. */
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

  /** Forgets the tails that have not come back. */
  forgetInterrupted(): void {
    if (this.interrupted.length === 0) return
    this.#interrupted.clear()
    this.#resuming = []
    this.#write()
  }

  /** Leaves the file as it is: the tails that are open now are for the next process. */
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
          'cannot read which live tails were open: they begin as new ones',
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
      // Not writeSync, which writes as much as there is room for.
      writeFileSync(file, text)
      renameSync(path, this.#path)
    } catch (error) {
      this.#giveUp(error as Error)
    }
  }

  /** An old record would show entries twice: rather none, until the list changes. */
  #giveUp(error: Error): void {
    this.#logger.warn(
      { err: error, path: this.#path },
      'cannot note which live tails are open: they would begin as new ones after a restart',
    )
    this.#closeFile()
    try {
      rmSync(this.#path, { force: true })
    } catch {
      // What keeps it from being written may keep it from being removed; that was told already.
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

/** Tails of one query go on together, from where the first of them was. */
function joinEqual(tails: readonly Required<RecordedTail>[]): Map<string, Required<RecordedTail>> {
  const joined = new Map<string, Required<RecordedTail>>()
  for (const { key, count, sent } of tails) {
    const other = joined.get(key) ?? { count: 0, sent }
    joined.set(key, { key, count: count + other.count, sent: Math.min(sent, other.sent) })
  }
  return joined
}
