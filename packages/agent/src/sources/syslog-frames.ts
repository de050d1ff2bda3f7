// Cuts a syslog connection into messages (RFC 6587): by a count of bytes in front of each, or by line
// feeds. Which one it is shows from each message's first byte, so that senders may mix them.

/** A message, or how long one was that is over the limit. */
export type SyslogFrame =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'tooLong'; readonly byteLength: number }

const lineFeed = 0x0a
const blank = 0x20
const digit0 = 0x30
const digit9 = 0x39
// "8192 " and the like; more digits are no count.
const countDigitsMax = 9
const none = Buffer.alloc(0)

/**
 * Gives the messages of a connection. Of one that is longer than `messageBytesMax` only the length is
 * given, and no more of it is kept in memory.
 */
export async function* cutSyslogFrames(
  input: AsyncIterable<Buffer>,
  messageBytesMax: number,
): AsyncGenerator<SyslogFrame> {
  let rest: Buffer = none
  /** Bytes of a counted message that are still to be skipped. */
  let skipCount = 0
  /** Bytes of a line that were skipped, while one is. */
  let skippedLine = 0
  for await (const chunk of input) {
    let bytes: Buffer = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    for (;;) {
      if (skipCount > 0) {
        const count = Math.min(skipCount, bytes.length)
        skipCount -= count
        bytes = bytes.subarray(count)
      }
      if (bytes.length === 0) break
      if (skippedLine > 0) {
        const at = bytes.indexOf(lineFeed)
        skippedLine += at < 0 ? bytes.length : at
        bytes = at < 0 ? none : bytes.subarray(at + 1)
        if (at < 0) break
        yield { kind: 'tooLong', byteLength: skippedLine }
        skippedLine = 0
        continue
      }
      const count = readCount(bytes)
      if (count === 'unfinished') break
      if (count) {
        const end = count.start + count.length
        if (count.length > messageBytesMax) {
          yield { kind: 'tooLong', byteLength: count.length }
          skipCount = count.length
          bytes = bytes.subarray(count.start)
        } else if (bytes.length < end) break
        else {
          yield { kind: 'message', bytes: bytes.subarray(count.start, end) }
          bytes = bytes.subarray(end)
        }
        continue
      }
      const at = bytes.indexOf(lineFeed)
      if (at < 0 && bytes.length <= messageBytesMax) break
      if (at < 0) {
        skippedLine = bytes.length
        bytes = none
        break
      }
      if (at > messageBytesMax) yield { kind: 'tooLong', byteLength: at }
      else if (at > 0) yield { kind: 'message', bytes: bytes.subarray(0, at) }
      bytes = bytes.subarray(at + 1)
    }
    rest = bytes.length > 0 ? Buffer.from(bytes) : none
  }
  if (skippedLine > 0) yield { kind: 'tooLong', byteLength: skippedLine }
  else if (rest.length > 0) yield { kind: 'message', bytes: lastOf(rest) }
}

/** What a connection ends with: a line without its end, or a message that is shorter than its count. */
function lastOf(rest: Buffer): Buffer {
  const count = readCount(rest)
  return count && count !== 'unfinished' ? rest.subarray(count.start) : rest
}

/** Reads `123 ` in front of a message; `undefined` where there is none. */
function readCount(
  bytes: Buffer,
): { readonly start: number; readonly length: number } | 'unfinished' | undefined {
  let length = 0
  for (let at = 0; at <= countDigitsMax; at++) {
    const byte = bytes[at]
    if (byte === undefined) return at === 0 ? undefined : 'unfinished'
    if (byte === blank && at > 0) return length > 0 ? { start: at + 1, length } : undefined
    if (byte < digit0 || byte > digit9) return undefined
    length = length * 10 + (byte - digit0)
  }
  return undefined
}
