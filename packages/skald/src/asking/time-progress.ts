// Shows on a terminal how far through its range a long query is.

import { type Colours, coloursFor } from '@skald/wire'
import { drawIntervalMs } from '../limits.ts'
import { drawBar } from '../progress-bar.ts'
import type { Terminal } from '../terminal.ts'
import type { AskedRange } from './ask-program.ts'

/** A line on stderr that is drawn again and again. Draws nothing if stderr is no terminal. */
export class TimeProgress {
  readonly #stream: NodeJS.WriteStream
  readonly #colours: Colours
  readonly #range: AskedRange
  readonly #isForward: boolean
  #lines = 0
  #drawnMs = 0

  constructor({ stderr, env }: Terminal, range: AskedRange, isForward: boolean) {
    this.#stream = stderr
    this.#colours = coloursFor(stderr, env)
    this.#range = range
    this.#isForward = isForward
  }

  /** Tells how many more lines came, and the time of the last one. */
  show(timestampNs: bigint, lines: number): void {
    this.#lines += lines
    const nowMs = performance.now()
    if (!this.#stream.isTTY || nowMs - this.#drawnMs < drawIntervalMs) return
    this.#drawnMs = nowMs
    const { startNs, endNs } = this.#range
    const share = Number(timestampNs - startNs) / Number(endNs - startNs)
    const done = Math.min(1, Math.max(0, this.#isForward ? share : 1 - share))
    const bar = drawBar(done, this.#colours)
    this.#stream.write(`\r${bar}  ${this.#lines.toLocaleString('en')} lines`)
  }

  /** Removes the line. */
  clear(): void {
    if (this.#stream.isTTY && this.#drawnMs > 0) this.#stream.write('\r\x1b[K')
  }
}
