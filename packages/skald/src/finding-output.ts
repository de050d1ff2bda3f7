// Prints what verify, backup and restore find: in words, or as one JSON object per line.

import type { Finding } from '@skald/store/finding'
import { coloursFor } from '@skald/wire'
import type { Terminal } from './terminal.ts'
import type { WorkProgress } from './work-progress.ts'

/** Prints findings and the summary of one command. */
export class FindingOutput {
  readonly #terminal: Terminal
  readonly #isJson: boolean
  readonly #progress: WorkProgress

  constructor(terminal: Terminal, isJson: boolean, progress: WorkProgress) {
    this.#terminal = terminal
    this.#isJson = isJson
    this.#progress = progress
  }

  readonly tell = (finding: Finding): void => {
    this.#progress.clear()
    const { stdout, env } = this.#terminal
    if (this.#isJson) {
      stdout.write(`${JSON.stringify({ kind: 'finding', ...finding })}\n`)
      return
    }
    const { severity, file, where, offsetBytes, what, remedy } = finding
    const colours = coloursFor(stdout, env)
    const word = severity === 'damage' ? colours.red('damage') : colours.yellow('note')
    const place = [where, offsetBytes === undefined ? undefined : `byte ${offsetBytes}`]
      .filter(text => text !== undefined)
      .join(', at ')
    stdout.write(`${word}: ${file}${place === '' ? '' : `: ${place}`}: ${what}\n  ${remedy}\n`)
  }

  /** Prints the result: the object as JSON, or the sentence. */
  end(summary: object, sentence: string): void {
    this.#progress.clear()
    const line = this.#isJson ? JSON.stringify({ kind: 'summary', ...summary }) : sentence
    this.#terminal.stdout.write(`${line}\n`)
  }
}

/** Writes a number with its noun: `1 segment`, `3 segments`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
