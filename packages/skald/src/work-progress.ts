// Shows how far a long command is: a bar on a terminal, now and then a plain line elsewhere.

import { formatLogqlBytes } from '@skald/go-dialect'
import { coloursFor } from '@skald/wire'
import { createLogger } from '@skald/wire/logger'
import { drawIntervalMs, progressLineMs } from './limits.ts'
import { formatBar } from './progress.ts'
import type { Terminal } from './terminal.ts'

const eraseLine = '\r\x1b[K'

/** The progress of one command, on standard error. */
export class WorkProgress {
  readonly #terminal: Terminal
  /** What is done with the bytes, such as `checked`. */
  readonly #verb: string
  readonly #now: () => number
  #toldMs: number
  #isDrawn = false

  constructor(terminal: Terminal, verb: string, now: () => number = () => performance.now()) {
    this.#terminal = terminal
    this.#verb = verb
    this.#now = now
    this.#toldMs = now()
  }

  /** Shows it, unless it was shown moments ago. */
  readonly update = (doneBytes: number, totalBytes: number): void => {
    const { stderr, env } = this.#terminal
    const nowMs = this.#now()
    const isTerminal = stderr.isTTY === true
    if (nowMs - this.#toldMs < (isTerminal ? drawIntervalMs : progressLineMs)) return
    this.#toldMs = nowMs
    if (isTerminal) {
      stderr.write(`\r${formatBar(doneBytes, totalBytes, coloursFor(stderr, env))}`)
      this.#isDrawn = true
      return
    }
    const percent = totalBytes === 0 ? 100 : Math.floor((100 * doneBytes) / totalBytes)
    const [done, total] = [formatLogqlBytes(doneBytes), formatLogqlBytes(totalBytes)]
    stderr.write(`${this.#verb} ${done} of ${total}, ${percent} %\n`)
  }

  /** Removes the bar, so that something else can be written. */
  clear(): void {
    if (this.#isDrawn) this.#terminal.stderr.write(eraseLine)
    this.#isDrawn = false
  }
}

/** Returns a logger that writes to standard error without mixing with the bar. */
export function loggerBeside(progress: WorkProgress, isJson: boolean, { stderr }: Terminal) {
  return createLogger({
    level: 'info',
    format: isJson ? 'json' : 'logfmt',
    destination: {
      write: text => {
        progress.clear()
        stderr.write(text)
      },
    },
  })
}
