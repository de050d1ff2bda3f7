// Cuts a syslog connection into messages (RFC 6587): by a count of bytes in front of each, or by line
// feeds. Which one it is shows from each message's first byte, so that senders may mix them. A line that
// does not begin as a message does belongs to the message before it, such as the lines of a stack trace.

import { setTimeout as sleep } from 'node:timers/promises'
import { frameCountDigitsMax, frameQuietMsDefault } from '../limits.ts'
import { ByteQueue } from './byte-queue.ts'

/**
 * A message with the lines that belong to it, a line that came when the message before it had been passed
 * on, or how long something was that is over the limit.
 */
export type SyslogFrame =
  | { readonly kind: 'message' | 'continuation'; readonly bytes: Buffer }
  | { readonly kind: 'tooLong'; readonly byteLength: number }

const lineFeed = 0x0a
const blank = 0x20
const digit0 = 0x30
const digit9 = 0x39
const lessThan = 0x3c

/**
 * Gives the messages of a connection. Of what is longer than `messageBytesMax` only the length is given,
 * and no more of it is kept in memory.
 */
export async function* cutSyslogFrames(
  input: AsyncIterable<Buffer>,
  messageBytesMax: number,
  quietMs: number = frameQuietMsDefault,
): AsyncGenerator<SyslogFrame> {
  const cutter = new FrameCutter(messageBytesMax)
  const chunks = input[Symbol.asyncIterator]()
  let next: Promise<IteratorResult<Buffer>> | undefined
  try {
    for (;;) {
      next ??= chunks.next()
      const result = cutter.isWaiting ? await within(next, quietMs) : await next
      if (!result) {
        yield* cutter.close()
        continue
      }
      next = undefined
      if (result.done) break
      yield* cutter.take(result.value)
    }
  } catch (error) {
    // What arrived is passed on, though the connection broke.
    yield* cutter.end()
    throw error
  } finally {
    // Whoever reads may have had enough: what is under way is waited for by nobody.
    void next?.catch(() => undefined)
    void chunks.return?.().catch(() => undefined)
  }
  yield* cutter.end()
}

/** Waits for a promise; `undefined` when it takes too long. */
async function within<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  const timer = new AbortController()
  const isOver = sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)
  try {
    return await Promise.race([promise, isOver])
  } finally {
    timer.abort()
  }
}

class FrameCutter {
  readonly #messageBytesMax: number
  readonly #queue = new ByteQueue(lineFeed)
  /** Bytes of a counted message that are still to be skipped. */
  #skipCount = 0
  /** Bytes of a line that were skipped, while one is. */
  #skippedLine = 0
  /** Lines of the message that waits for more of them. */
  #lines: Buffer[] = []
  #byteLength = 0
  /** What became of the last message of lines; `none` where the last one was counted. */
  #state: 'none' | 'waiting' | 'passed-on' | 'too-long' = 'none'

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax
  }

  get isWaiting(): boolean {
    return this.#state === 'waiting'
  }

  *take(chunk: Buffer): Generator<SyslogFrame> {
    this.#queue.push(chunk)
    yield* this.#cut()
    this.#queue.settle()
  }

  *#cut(): Generator<SyslogFrame> {
    const queue = this.#queue
    while (queue.length > 0) {
      if (this.#skipCount > 0) {
        const count = Math.min(this.#skipCount, queue.length)
        this.#skipCount -= count
        queue.drop(count)
        continue
      }
      const at = queue.next()
      if (this.#skippedLine > 0) {
        this.#skippedLine += at < 0 ? queue.length : at
        queue.drop(at < 0 ? queue.length : at + 1)
        if (at < 0) return
        yield { kind: 'tooLong', byteLength: this.#skippedLine }
        this.#skippedLine = 0
        continue
      }
      const count = this.#readCount(queue.bytes)
      if (count === 'unfinished') return
      if (count) {
        yield* this.close()
        this.#state = 'none'
        const end = count.start + count.length
        if (count.length > this.#messageBytesMax) {
          yield { kind: 'tooLong', byteLength: count.length }
          this.#skipCount = count.length
          queue.drop(count.start)
        } else if (queue.length < end) return
        else {
          yield { kind: 'message', bytes: queue.bytes.subarray(count.start, end) }
          queue.drop(end)
        }
      } else if (at >= 0) {
        yield* this.#takeLine(queue.bytes.subarray(0, at))
        queue.drop(at + 1)
      } else if (queue.length > this.#messageBytesMax) {
        this.#skippedLine = queue.length
        yield* this.#skip(queue.bytes)
        queue.drop(queue.length)
      } else return
    }
  }

  *#takeLine(line: Buffer): Generator<SyslogFrame> {
    const isLong = line.length > this.#messageBytesMax
    if (line[0] === lessThan || this.#state === 'none') {
      yield* this.close()
      if (line.length === 0) return
      if (isLong) {
        yield* this.#skip(line)
        yield { kind: 'tooLong', byteLength: line.length }
      } else if (line[0] !== lessThan) yield { kind: 'message', bytes: line }
      else {
        this.#state = 'waiting'
        this.#add(line)
      }
      return
    }
    const fits = this.#byteLength + 1 + line.length <= this.#messageBytesMax
    if (this.#state === 'waiting' && fits) {
      this.#add(line)
      return
    }
    const isPassedOn = this.#state === 'passed-on' && !isLong
    if (!isPassedOn) yield* this.#skip(line)
    if (line.length === 0) return
    if (isPassedOn) yield { kind: 'continuation', bytes: line }
    else yield { kind: 'tooLong', byteLength: line.length }
  }

  #add(line: Buffer): void {
    this.#byteLength += line.length + (this.#lines.length > 0 ? 1 : 0)
    // It is kept beyond this call.
    this.#lines.push(Buffer.from(line))
  }

  /** A line is too long: what waits is passed on as it is, and what follows belongs to the lost line. */
  *#skip(line: Buffer): Generator<SyslogFrame> {
    const isOfMessage = line[0] === lessThan || this.#state !== 'none'
    yield* this.close()
    if (isOfMessage) this.#state = 'too-long'
  }

  /** Passes on the message that waits. */
  *close(): Generator<SyslogFrame> {
    if (this.#state !== 'waiting') return
    this.#state = 'passed-on'
    const lines = this.#lines
    this.#lines = []
    this.#byteLength = 0
    while (lines.at(-1)?.length === 0) lines.pop()
    const bytes = lines.length === 1 ? lines[0]! : joined(lines)
    yield { kind: 'message', bytes }
  }

  /** The connection has ended, perhaps with a line without its end, or less of a message than its count. */
  *end(): Generator<SyslogFrame> {
    if (this.#skippedLine > 0) {
      yield { kind: 'tooLong', byteLength: this.#skippedLine }
      return
    }
    const { bytes } = this.#queue
    const count = this.#readCount(bytes)
    if (count && count !== 'unfinished') {
      yield* this.close()
      yield { kind: 'message', bytes: bytes.subarray(count.start) }
    } else {
      if (bytes.length > 0) yield* this.#takeLine(bytes)
      yield* this.close()
    }
    this.#queue.drop(bytes.length)
  }

  /** Reads `123 ` in front of a message; `undefined` where there is none. */
  #readCount(
    bytes: Buffer,
  ): { readonly start: number; readonly length: number } | 'unfinished' | undefined {
    let length = 0
    for (let at = 0; at <= frameCountDigitsMax; at++) {
      const byte = bytes[at]
      if (byte === undefined) return at === 0 ? undefined : 'unfinished'
      if (byte === blank && at > 0) {
        if (length === 0) return undefined
        const start = at + 1
        if (this.#state === 'none') return { start, length }
        // A line of a message may begin with a number as well.
        if (bytes.length === start) return 'unfinished'
        return bytes[start] === lessThan ? { start, length } : undefined
      }
      if (byte < digit0 || byte > digit9) return undefined
      length = length * 10 + (byte - digit0)
    }
    return undefined
  }
}

function joined(lines: readonly Buffer[]): Buffer {
  const feed = Buffer.from([lineFeed])
  return Buffer.concat(lines.flatMap((line, i) => (i === 0 ? [line] : [feed, line])))
}
