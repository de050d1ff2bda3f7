// The line rate limit of the whole agent (limits_config.readline_rate), between the pipelines and the
// queue.

import { type Rate, TokenBucket } from '@skald/wire'
import type { LineSink, SinkLine } from '../line/line-sink.ts'

/** Passes a number of lines per second. Drops the others, or makes readers wait. */
export class RateLimiter implements LineSink {
  readonly #rate: Rate
  readonly #bucket: TokenBucket
  readonly #sink: LineSink
  readonly #nowMs: () => number
  readonly #onDrop: ((line: SinkLine) => void) | undefined

  constructor(options: {
    readonly rate: Rate
    readonly sink: LineSink
    readonly nowMs: () => number
    /** Called for each dropped line. Without it, lines wait. */
    readonly onDrop: ((line: SinkLine) => void) | undefined
  }) {
    this.#rate = options.rate
    this.#bucket = new TokenBucket(options.rate)
    this.#sink = options.sink
    this.#nowMs = options.nowMs
    this.#onDrop = options.onDrop
  }

  add(line: SinkLine): void {
    const nowMs = this.#nowMs()
    if (!this.#onDrop) this.#bucket.takeAnyway(1, this.#rate, nowMs)
    else if (!this.#bucket.take(1, this.#rate, nowMs)) {
      this.#onDrop(line)
      return
    }
    this.#sink.add(line)
  }

  /** Returns the time until which no further line may come; 0 for none. */
  pausedUntilMs(nowMs: number): number {
    if (this.#onDrop) return 0
    const pauseMs = this.#bucket.msUntil(1, this.#rate, nowMs)
    return pauseMs === 0 ? 0 : nowMs + pauseMs
  }
}
