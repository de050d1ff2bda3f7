import { test } from 'tap'
import { findEncoding } from '../../src/tail/encoding.ts'

/** Decodes one line. `offset` 0 is the start of the file. */
function decode(name: string, bytes: Buffer, offset = 1): string | undefined {
  const encoding = findEncoding(name)
  let line: string | undefined
  const consumer = {
    consume: (text: Buffer, start: number, end: number) => {
      line = text.toString('utf8', start, end)
    },
  }
  encoding?.decoding(consumer, bytes).consume(bytes, 0, bytes.length, offset)
  return line
}

test('All IANA names of encodings that Promtail accepts are known', t => {
  const bytes = Buffer.from([0x61, 0xe6])
  const names: readonly [string, string][] = [
    ['csISO885915', 'aæ'],
    ['csISO88596E', 'aن'],
    ['ISO_8859-6-I', 'aن'],
    ['ISO-8859-8-E', 'aז'],
    ['cswindows1251', 'aж'],
    ['IBM00858', 'aµ'],
    ['csIBM00858', 'aµ'],
    ['csKOI8U', 'aФ'],
    ['csmacintosh', 'aÊ'],
  ]
  for (const [name, text] of names) t.equal(decode(name, bytes), text, name)
  t.equal(decode('csGBK', Buffer.from([0xc4, 0xe3])), '你')
  t.equal(decode('csEUCPkdFmtJapanese', Buffer.from([0xa4, 0xa2])), 'あ')
  t.equal(decode('ISO-2022-JP', Buffer.from('\x1b$B$"\x1b(B!', 'latin1')), 'あ!')
  t.equal(decode('KOI8-U', Buffer.from([0xae, 0xbe])), 'ўЎ')
  t.equal(decode('macintosh', Buffer.from([0xdb])), '€')
  for (const name of ['no-such', 'binary', 'hex', 'UTF-7']) t.equal(findEncoding(name), undefined)
  t.end()
})

test('UTF-16 is big endian unless its start shows otherwise', t => {
  const little = Buffer.from('aé', 'utf16le')
  const big = Buffer.from(little).swap16()
  const marked = Buffer.concat([Buffer.from([0xff, 0xfe]), little])
  for (const name of ['UTF-16', 'csUTF16']) {
    t.equal(decode(name, big, 0), 'aé')
    t.equal(decode(name, little, 0), 'aé')
    t.equal(decode(name, marked, 0), 'aé')
    t.equal(decode(name, Buffer.from([0x4f, 0x60]), 0), '\u4f60')
    t.strictSame(findEncoding(name)?.lineFeed(big), Buffer.from([0, 10]))
  }
  t.equal(decode('csUTF16LE', little, 0), 'aé')
  t.equal(decode('csUTF16BE', big, 0), 'aé')
  t.end()
})

test('UTF-8 given by name replaces what is not UTF-8', t => {
  // What Promtail makes of these bytes.
  const bytes = Buffer.from('61e28262fffef09f9863c3a9', 'hex')
  for (const name of ['UTF-8', 'utf8', 'csUTF8']) {
    t.equal(decode(name, bytes), 'a\ufffdb\ufffd\ufffd\ufffdcé', name)
    t.equal(decode(name, Buffer.from('é😀')), 'é😀', name)
  }
  t.end()
})
