// Lines from standard input (-stdin): the labels, rules and stages of the first job, until the input ends.

import type { Readable } from 'node:stream'
import type { ScrapeConfig } from '../config/scrape.ts'
import type { Source, SourceConfig } from './source.ts'
import { splitLines } from './split-lines.ts'

// A longer line is cut in two.
const lineBytesMax = 64 * 1024 * 1024

/** Makes the job that reads standard input, of the first job of a configuration where there is one. */
export function stdinJob(
  first: ScrapeConfig | undefined,
  options: { readonly input: Readable; readonly hostname: string; readonly onEnd: () => void },
): ScrapeConfig {
  const labels =
    first?.staticConfigs[0]?.labels ??
    new Map([
      ['job', 'stdin'],
      ['hostname', options.hostname],
    ])
  const source: SourceConfig = {
    isPerClient: false,
    start: async ({ inlet }) => new StdinSource({ ...options, labels, inlet }),
  }
  return {
    ...{
      jobName: 'stdin',
      line: 0,
      isSound: true,
      stages: [],
      relabelRules: [],
      addsPathLabels: false,
    },
    ...{ encoding: undefined, decompression: undefined },
    ...first,
    ...{ identity: 'stdin', staticConfigs: [], discoveries: [], source },
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
      for await (const line of splitLines(input, lineBytesMax)) {
        await inlet.room()
        if (line.length > 0) inlet.add({ labels, line })
      }
    }
    // A stop closes the input under the loop.
    this.#done = read().catch(() => undefined)
    void this.#done.then(options.onEnd)
  }

  async stop(): Promise<void> {
    this.#input.destroy()
    await this.#done
  }
}
