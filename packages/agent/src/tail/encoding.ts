// Encodings other than UTF-8: where lines end in them, and their text as UTF-8.

import iconv from 'iconv-lite'
import type { LineConsumer } from '../pipeline/pipeline.ts'

/** How the text of a file is encoded. */
export interface TextEncoding {
  readonly name: string
  /** Bytes of a line feed; their number is the size of a code unit. */
  lineFeed(firstBytes: Buffer): Buffer
  /** Makes a consumer that decodes lines before it hands them on. */
  decoding(consumer: LineConsumer, firstBytes: Buffer): LineConsumer
}

const wideLittle = Buffer.from([0x0a, 0x00])
const wideBig = Buffer.from([0x00, 0x0a])
const narrow = Buffer.from([0x0a])
const byteOrderMark = '\ufeff'

/** Finds an encoding by its IANA name; `undefined` for names that are none. */
export function findEncoding(name: string): TextEncoding | undefined {
  if (!iconv.encodingExists(name) || /^(hex|base64|binary|utf-?7|internal)/i.test(name)) {
    return undefined
  }
  const isWide = /^(utf-?16|ucs-?2)/i.test(name)
  const isBig = (firstBytes: Buffer) =>
    /be$/i.test(name) || (!/le$/i.test(name) && firstBytes[0] === 0xfe && firstBytes[1] === 0xff)
  return {
    name,
    lineFeed: firstBytes => (isWide ? (isBig(firstBytes) ? wideBig : wideLittle) : narrow),
    decoding: (consumer, firstBytes) => {
      const decoder = isWide ? (isBig(firstBytes) ? 'utf-16be' : 'utf-16le') : name
      return {
        consume(bytes, start, end, offset) {
          const text = iconv.decode(bytes.subarray(start, end), decoder, { stripBOM: false })
          const isMarked = isWide && offset === 0 && text.startsWith(byteOrderMark)
          const line = Buffer.from(isMarked ? text.slice(1) : text, 'utf8')
          consumer.consume(line, 0, line.length, offset)
        },
      }
    },
  }
}
