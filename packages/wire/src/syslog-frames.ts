// Splits a syslog connection into messages (RFC 6587), by byte counts or by line feeds. The first byte of
// each message shows which, so senders may mix both. A line that does not start like a message belongs to
// the message before it, such as the lines of a stack trace.

import { ByteQueue } from './byte-queue.ts'
import { frameCountDigitsMax, frameQuietMsDefault } from './limits.ts'
import { within } from './within.ts'

/**
 * A message with its continuation lines, a line that came after its message was passed on, or the length of
 * something over the limit.
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
 * Yields the messages of a connection. For anything longer than `messageBytesMax`, yields only the length
 * and keeps no more in memory.
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
    // Pass on what has arrived even if the connection breaks.
    yield* cutter.end()
    throw error
  } finally {
    // The reader may have stopped early, with nobody waiting for the pending read.
    void next?.catch(() => undefined)
    void chunks.return?.().catch(() => undefined)
  }
  yield* cutter.end()
}

class FrameCutter {
  readonly #messageBytesMax: number
  readonly #queue = new ByteQueue(lineFeed)
  /** Bytes left to skip of a counted message. */
  #skipCount = 0
  /** Bytes skipped so far of an overlong line; 0 outside one. */
  #skippedLine = 0
  /** Lines of the message that waits for more of them. */
  #lines: Buffer[] = []
  #byteLength = 0
  /** State of the last line-based message; `none` if the last message was counted. */
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
    // Copy, because it outlives this call.
    this.#lines.push(Buffer.from(line))
  }

  /**
   * Handles an overlong line: passes on the waiting message as it is. Lines that follow belong to the lost
   * line.
   */
  *#skip(line: Buffer): Generator<SyslogFrame> {
    const isOfMessage = line[0] === lessThan || this.#state !== 'none'
    yield* this.close()
    if (isOfMessage) this.#state = 'too-long'
  }

  /** Passes on the waiting message. */
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

  /** Handles the end of the connection, perhaps within a line or within a counted message. */
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

  /** Reads the `123 ` before a message. Returns `undefined` if there is none. */
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
        // A line of a message may start with a number too.
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

/** Removes line ends and zero bytes from the end of a message. */
export function withoutEnd(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d || bytes[end - 1] === 0))
    end--
  return bytes.subarray(0, end)
}

/** Removes the byte count that some senders put before a datagram, although a datagram is always one message. */
export function withoutCount(bytes: Buffer): Buffer {
  const count = /^(\d{1,5}) </.exec(bytes.toString('latin1', 0, 8))
  return count ? bytes.subarray(count[1]!.length + 1) : bytes
}
