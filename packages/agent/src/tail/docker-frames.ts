// The log stream of Docker's API. Without a terminal it carries both streams of a container, in frames:
//
//   1 byte stream (1 stdout, 2 stderr) | 3 bytes 0 | 4 bytes length, big endian | payload
//
// With a terminal there are only lines, without frames. Either way each message starts with its time:
//
//   2026-11-20T10:00:00.123456789Z text\n

import { dockerFrameBytesMax } from '../limits.ts'
import type { ContainerStreamName } from '../pipeline/container-lines.ts'

/** One write by Docker, with its time. */
export interface DockerMessage {
  readonly stream: ContainerStreamName
  /** A view into the pushed chunk. */
  readonly bytes: Buffer
}

const headerBytes = 8
const nothing = Buffer.alloc(0)

/** Splits a stream into messages, across any chunk boundaries. */
export class DockerFrames {
  readonly #isTty: boolean
  #rest: Buffer = nothing

  constructor(isTty: boolean) {
    this.#isTty = isTty
  }

  /**
   * Takes the next chunk of the stream.
   *
   * @throws RangeError if it is not such a stream.
   */
  *push(chunk: Buffer): Iterable<DockerMessage> {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let at = 0
    for (;;) {
      const message = this.#isTty ? readLine(bytes, at) : readFrame(bytes, at)
      if (!message) break
      at = message.end
      if (message.stream) yield { stream: message.stream, bytes: message.bytes }
    }
    this.#rest = Buffer.from(bytes.subarray(at))
    if (this.#rest.length > dockerFrameBytesMax + headerBytes) throw tooLong(this.#rest.length)
  }
}

interface Found {
  /** Absent for anything but output. */
  readonly stream: ContainerStreamName | undefined
  readonly bytes: Buffer
  readonly end: number
}

function readLine(bytes: Buffer, start: number): Found | undefined {
  const lineFeed = bytes.indexOf(0x0a, start)
  if (lineFeed < 0) return undefined
  return { stream: 'stdout', bytes: bytes.subarray(start, lineFeed + 1), end: lineFeed + 1 }
}

function readFrame(bytes: Buffer, start: number): Found | undefined {
  if (bytes.length < start + headerBytes) return undefined
  const kind = bytes[start]!
  if (kind > 3 || bytes[start + 1] !== 0) {
    throw new RangeError(`the log stream has no frame where one must start (byte ${kind})`)
  }
  const length = bytes.readUInt32BE(start + 4)
  if (length > dockerFrameBytesMax) throw tooLong(length)
  const end = start + headerBytes + length
  if (bytes.length < end) return undefined
  const stream = kind === 1 ? 'stdout' : kind === 2 ? 'stderr' : undefined
  return { stream, bytes: bytes.subarray(start + headerBytes, end), end }
}

function tooLong(length: number): RangeError {
  return new RangeError(`a message of ${length} bytes is longer than ${dockerFrameBytesMax}`)
}
