// The line rate limit of the whole agent (limits_config.readline_rate), between the pipelines and the
// queue.

import type { LineSink, SinkLine } from '../line/line-sink.ts'
import { TokenBucket } from '../token-bucket.ts'

/** Passes a number of lines per second. Drops the others, or makes readers wait. */
export class RateLimiter implements LineSink {
  readonly #bucket: TokenBucket
  readonly #sink: LineSink
  readonly #nowMs: () => number
  readonly #onDrop: (() => void) | undefined

  constructor(options: {
    readonly rate: number
    readonly burst: number
    readonly sink: LineSink
    readonly nowMs: () => number
    /** Called for each dropped line. Without it, lines wait. */
    readonly onDrop: (() => void) | undefined
  }) {
    this.#bucket = new TokenBucket(options)
    this.#sink = options.sink
    this.#nowMs = options.nowMs
    this.#onDrop = options.onDrop
  }

  add(line: SinkLine): void {
    const nowMs = this.#nowMs()
    if (!this.#onDrop) this.#bucket.takeAnyway(nowMs)
    else if (!this.#bucket.take(nowMs)) {
      this.#onDrop()
      return
    }
    this.#sink.add(line)
  }

  /** Returns the time until which no further line may come; 0 for none. */
  pausedUntilMs(nowMs: number): number {
    return this.#onDrop ? 0 : this.#bucket.freeAtMs(nowMs)
  }
}
