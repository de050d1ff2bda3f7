// Decides when to write the positions file: soon after a file was found or released, otherwise once per
// sync period. Pauses between two writes: for a second, and at least ten times as long
// as the last write took.

import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { positionsPauseMs, positionsRestFactor, positionsSoonMs } from '../limits.ts'
import { positionsText, type SavedPositions, savePositions } from './positions.ts'

export interface PositionsFileOptions {
  readonly path: string
  readonly syncPeriodMs: number
  readonly logger: Logger
  /** Returns what to write. */
  readonly content: () => Required<SavedPositions>
  /** Called after each write. */
  readonly onSaved: () => void
}

/** Writes the positions file when it is due. */
export class PositionsFile {
  readonly #options: PositionsFileOptions
  #timer: NodeJS.Timeout | undefined
  #isSoon = false
  #savedDigest = ''
  #restUntilMs = 0
  #hasFailed = false
  #isClosed = false

  constructor(options: PositionsFileOptions) {
    this.#options = options
  }

  saveLater(): void {
    this.#arm(this.#options.syncPeriodMs)
  }

  saveSoon(): void {
    if (this.#isSoon) return
    this.#isSoon = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    this.#arm(Math.min(positionsSoonMs, this.#options.syncPeriodMs))
  }

  #arm(waitMs: number): void {
    if (this.#isClosed) return
    const restMs = this.#restUntilMs - performance.now()
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.save()
      },
      Math.max(waitMs, restMs),
    )
  }

  /** Writes the file now if anything changed. Logs a failure once and retries. */
  save(): void {
    this.#isSoon = false
    const beganMs = performance.now()
    this.#write()
    const endedMs = performance.now()
    const pauseMs = Math.min(positionsPauseMs, this.#options.syncPeriodMs)
    this.#restUntilMs = endedMs + Math.max(pauseMs, (endedMs - beganMs) * positionsRestFactor)
  }

  #write(): void {
    const { path, logger, content, onSaved } = this.#options
    const positions = content()
    const text = positionsText(positions)
    const digest = createHash('sha1').update(text).digest('base64')
    if (digest === this.#savedDigest) return
    try {
      savePositions(path, text, positions.searchedMs)
      this.#savedDigest = digest
      onSaved()
      if (this.#hasFailed) logger.info({ path }, 'Positions file can be written again')
      this.#hasFailed = false
    } catch (error) {
      if (!this.#hasFailed) {
        logger.error({ path, error: (error as Error).message }, 'Cannot write positions file')
      }
      this.#hasFailed = true
      this.saveLater()
    }
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    // A late answer must not write into a directory that may be gone.
    this.#isClosed = true
    this.save()
  }
}
