// Lines from standard input (-stdin), until the input ends.

import type { Readable } from 'node:stream'
import { stdinLineBytesMax } from '../limits.ts'
import type { Source, SourceConfig } from './source.ts'
import { splitLines } from './split-lines.ts'

/** Makes the source that reads standard input. */
export function stdinSource(options: {
  readonly input: Readable
  /** Labels of its lines, before the job's rules. */
  readonly labels: ReadonlyMap<string, string>
  readonly onEnd: () => void
}): SourceConfig {
  return {
    isPerClient: false,
    start: async ({ inlet }) => new StdinSource({ ...options, inlet }),
  }
}

class StdinSource implements Source {
  readonly isReady = true
  readonly place = 'standard input'
  readonly #input: Readable
  readonly #done: Promise<void>

  constructor(options: {
    readonly input: Readable
    readonly labels: ReadonlyMap<string, string>
    readonly inlet: {
      room(): Promise<void>
      add(line: { labels: ReadonlyMap<string, string>; line: Buffer }): boolean
    }
    readonly onEnd: () => void
  }) {
    const { input, inlet, labels } = options
    this.#input = input
    const read = async () => {
      for await (const line of splitLines(input, stdinLineBytesMax)) {
        await inlet.room()
        if (line.length > 0) inlet.add({ labels, line })
      }
    }
    // A stop closes the input while the loop reads it.
    this.#done = read().catch(() => undefined)
    void this.#done.then(options.onEnd)
  }

  async stop(): Promise<void> {
    this.#input.destroy()
    await this.#done
  }
}
