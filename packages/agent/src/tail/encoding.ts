// Encodings that a job can name: finds the line ends and converts the text to UTF-8.

import { isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'
import type { LineConsumer } from '../pipeline/pipeline.ts'

/** How the text of a file is encoded. */
export interface TextEncoding {
  readonly name: string
  /** True for UTF-8, where only invalid bytes are replaced. */
  readonly isUtf8: boolean
  /** Returns the bytes of a line feed. Their number is the size of a code unit. */
  lineFeed(firstBytes: Buffer): Buffer
  /** Makes a consumer that decodes lines before it passes them on. */
  decoding(consumer: LineConsumer, firstBytes: Buffer): LineConsumer
}

const wideLittle = Buffer.from([0x0a, 0x00])
const wideBig = Buffer.from([0x00, 0x0a])
const narrow = Buffer.from([0x0a])
const byteOrderMark = '\ufeff'

// IANA names that iconv-lite lacks, with a known name of the same encoding.
const aliases: Readonly<Record<string, string>> = {
  csgbk: 'gbk',
  csgb18030: 'gb18030',
  cseucpkdfmtjapanese: 'euc-jp',
  extended_unix_code_packed_format_for_japanese: 'euc-jp',
  ibm00858: 'cp858',
  ccsid00858: 'cp858',
  cp00858: 'cp858',
  csibm00858: 'cp858',
  cspc850multilingual: 'cp850',
  'pc-multilingual-850+euro': 'cp858',
  csiso2022jp: 'iso-2022-jp',
  cskoi8u: 'koi8-u',
  csutf16: 'utf-16',
  csutf16be: 'utf-16be',
  csutf16le: 'utf-16le',
  csutf8: 'utf-8',
  mac: 'macintosh',
  csmacintosh: 'macintosh',
}

// Decoded by the system: iconv-lite lacks these, or maps some characters differently.
const ofSystem = new Set(['iso-2022-jp', 'koi8-u', 'macintosh'])

function canonicalName(name: string): string {
  const lower = name.toLowerCase()
  const short = lower
    .replace(/^cs(windows)(\d+)$/, '$1-$2')
    .replace(/^csiso(8859)(\d\d)$/, 'iso-$1-$2')
    .replace(/^(?:csiso8859([68])[ei]|iso[-_]8859-([68])-[ei])$/, 'iso-8859-$1$2')
  return aliases[short] ?? short
}

/** Finds an encoding by its IANA name. Returns `undefined` for unknown names. */
export function findEncoding(name: string): TextEncoding | undefined {
  const canonical = canonicalName(name)
  if (/^utf-?8$/.test(canonical)) return utf8(name)
  const isWide = /^(utf-?16|ucs-?2)/.test(canonical)
  const isOfSystem = ofSystem.has(canonical)
  const isKnown = isOfSystem || iconv.encodingExists(canonical)
  if (!isKnown || /^(hex|base64|binary|utf-?7|internal)/.test(canonical)) return undefined
  const isBig = (firstBytes: Buffer) => isWide && isBigEndian(canonical, firstBytes)
  return {
    name,
    isUtf8: false,
    lineFeed: firstBytes => (isWide ? (isBig(firstBytes) ? wideBig : wideLittle) : narrow),
    decoding: (consumer, firstBytes) => {
      const decode = isOfSystem
        ? systemDecoder(canonical)
        : iconvDecoder(isWide ? (isBig(firstBytes) ? 'utf-16be' : 'utf-16le') : canonical)
      return {
        consume(bytes, start, end, offset) {
          const text = decode(bytes.subarray(start, end))
          const from = isWide && offset === 0 && text.startsWith(byteOrderMark) ? 1 : 0
          // With one-byte units, the carriage return is already removed.
          const to = isWide && text.endsWith('\r') ? text.length - 1 : text.length
          const line = Buffer.from(text.slice(from, to), 'utf8')
          consumer.consume(line, 0, line.length, offset)
        },
      }
    },
  }
}

/** UTF-8, under the given name. Invalid bytes become U+FFFD. */
function utf8(name: string): TextEncoding {
  return {
    name,
    isUtf8: true,
    lineFeed: () => narrow,
    decoding: consumer => ({
      consume(bytes, start, end, offset) {
        const line = bytes.subarray(start, end)
        if (isUtf8(line)) consumer.consume(bytes, start, end, offset)
        else {
          const text = Buffer.from(line.toString('utf8'), 'utf8')
          consumer.consume(text, 0, text.length, offset)
        }
      },
    }),
  }
}

function iconvDecoder(name: string): (bytes: Buffer) => string {
  return bytes => iconv.decode(bytes, name, { stripBOM: false })
}

function systemDecoder(name: string): (bytes: Buffer) => string {
  const decoder = new TextDecoder(name)
  return bytes => decoder.decode(bytes)
}

/**
 * UTF-16 without a byte order mark is big endian (RFC 2781, section 4.3), unless its first character says
 * otherwise.
 */
function isBigEndian(name: string, [first, second]: Buffer): boolean {
  if (/[bl]e$/.test(name) || !name.startsWith('utf')) return name.endsWith('be')
  if (first === undefined || (first === 0xff && second === 0xfe)) return false
  return first === 0 || second !== 0
}
