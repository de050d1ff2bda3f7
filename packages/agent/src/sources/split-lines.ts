// Splits a stream of bytes into lines.

const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Yields the lines of a stream, without their ends (`\n` or `\r\n`). The last line may lack one. A line
 * longer than `lineBytesMax` comes in pieces of about that size.
 */
export async function* splitLines(
  input: AsyncIterable<Buffer>,
  lineBytesMax: number,
): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let length = 0
  for await (const chunk of input) {
    let start = 0
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, start)) {
      yield withoutReturn(Buffer.concat([...parts, chunk.subarray(start, at)]))
      parts = []
      length = 0
      start = at + 1
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start))
      length += chunk.length - start
    }
    if (length >= lineBytesMax) {
      yield Buffer.concat(parts)
      parts = []
      length = 0
    }
  }
  if (length > 0) yield withoutReturn(Buffer.concat(parts))
}

function withoutReturn(line: Buffer): Buffer {
  return line[line.length - 1] === carriageReturn ? line.subarray(0, -1) : line
}
