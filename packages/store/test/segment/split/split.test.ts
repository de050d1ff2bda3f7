// Splits lines into templates and values and joins them again: the same bytes come back, and
// WebAssembly and JavaScript make the same parts.

import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { createWorkload } from '../../../../../bench/generator.ts'
import { Random } from '../../../../../bench/random.ts'
import {
  splitBytesMax,
  splitColumnsMax,
  splitLinesMax,
  splitTemplateBytesMax,
  splitTemplatesMax,
  splitValuesMax,
} from '../../../src/limits.ts'
import { type LineSplitter, partNames, type SplitParts } from '../../../src/segment/split/parts.ts'
import { joinInScript, splitInScript } from '../../../src/segment/split/script-split.ts'
import { SplitSearch } from '../../../src/segment/split/split-search.ts'
import { packLines, SplitSection, unpackSection } from '../../../src/segment/split/split-section.ts'
import { openWasmSplitter } from '../../../src/segment/split/wasm-split.ts'

const wasm = openWasmSplitter()!
const script: LineSplitter = { split: splitInScript, join: joinInScript }

const copyOf = (parts: SplitParts): SplitParts =>
  Object.fromEntries(partNames.map(name => [name, Buffer.from(parts[name])])) as never

/** Returns the bytes of each line. */
function lengthsOf(text: Buffer): Uint32Array {
  const lines = text.toString('latin1').split('\n')
  return Uint32Array.from(lines.slice(0, -1), line => line.length)
}

/** Splits in both ways, joins both, and returns what differs. */
function problemOf(text: Buffer): string | undefined {
  const inWasm = wasm.split(text)
  const fromWasm = inWasm && copyOf(inWasm)
  const fromScript = script.split(text)
  if ((fromWasm === undefined) !== (fromScript === undefined)) return 'only one has room'
  if (!fromWasm || !fromScript) return undefined
  for (const name of partNames) {
    if (!fromWasm[name].equals(fromScript[name])) return `${name} differs`
  }
  if (!wasm.join(fromWasm, text.length, Buffer.allocUnsafe).equals(text))
    return 'WebAssembly joins other lines'
  if (!script.join(fromWasm, text.length, Buffer.allocUnsafe).equals(text))
    return 'JavaScript joins other lines'
  return undefined
}

test('lines come back byte for byte', async t => {
  const lines: Readonly<Record<string, string>> = {
    'no digits': 'nothing to see here',
    'an empty line': '',
    'numbers of every length': '0 00 007 12 123456789 1234567890 0000000000000000001 9'.repeat(3),
    'digits of every length': Array.from({ length: 70 }, (_, i) => '7'.repeat(i + 1)).join(' '),
    'hexadecimal digits': 'ab12 ab1 deadbeef00 0123456789abcdef 0123456789ABCDEF',
    'digests of every length': Array.from({ length: 70 }, (_, i) => `${'a'.repeat(i)}5`).join(','),
    'a UUID': '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
    'a UUID with text behind it': '3f2504e0-4f89-41d3-9a0c-0305e82c3301x',
    'a UUID with capitals': '3F2504E0-4F89-41D3-9A0C-0305E82C3301',
    'half a UUID': '3f2504e0-4f89-41d3-9a0c',
    'a UUID without letters': '12345678-1234-1234-1234-123456789012',
    'numbers with units': 'took 12ms, 3h, 4.5kb, 7days, 1h30m, 2026-01-15T10:20:30.123456Z',
    'names with numbers': 'pod-7 exec12 v2 http2 a1b2c3 user_42 x86_64 shop-6d9f8c6b5-x7k9p',
    'letters beyond ASCII': 'größe=12 日本5 💩9 é1é2',
    'bytes that are no text': '\x00\x01\x02\x113\x7f',
    'a long text': 'x'.repeat(5000),
    'a long word with digits': 'z9'.repeat(3000),
    'many values': '1,22,333;'.repeat(2000),
  }
  for (const [name, line] of Object.entries(lines)) {
    t.equal(problemOf(Buffer.from(`${line}\n`)), undefined, name)
    t.equal(problemOf(Buffer.from(`${line}\n`.repeat(300))), undefined, `${name}, repeated`)
  }
  t.equal(problemOf(Buffer.from(Object.values(lines).join('\n').concat('\n'))), undefined, 'all')
  for (let digits = 1; digits <= 9; digits++) {
    const highest = 10 ** digits - 1
    const step = Math.max(1, Math.floor(highest / 3000))
    const numbers = Array.from({ length: Math.ceil(highest / step) + 1 }, (_, i) =>
      String(Math.min(highest, i * step)).padStart(digits, '0'),
    )
    const text = numbers.map(number => `took ${number} ms\n`).join('')
    t.equal(problemOf(Buffer.from(text)), undefined, `numbers of ${digits} digits`)
  }
  const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167) & 255))
  t.equal(problemOf(Buffer.concat([bytes, Buffer.from('\n')])), undefined, 'every byte')
})

test('lines that no template covers come back too', async t => {
  const seed = Number(process.env.SKALD_SEED ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const alphabets = [
    '01',
    '0a',
    '0af ',
    'a1-\n',
    '0123456789',
    'x.9Z_\n',
    '\xff5\n ',
    'ab 12:-="\n',
  ]
  for (let round = 0; round < 300; round++) {
    const alphabet = Buffer.from(random.pick(alphabets), 'latin1')
    const text = Buffer.alloc(1 + random.below(3000))
    for (let i = 0; i < text.length - 1; i++) text[i] = alphabet[random.below(alphabet.length)]!
    text[text.length - 1] = 10
    const problem = problemOf(text)
    if (problem) t.fail(`${problem}: ${JSON.stringify(text.toString('latin1').slice(0, 200))}`)
  }
  t.pass('300 texts')
})

test('logs become a third smaller', async t => {
  const { pieces } = createWorkload({ seed: 7, megabytes: 12, startMs: 1_800_000_000_000 })
  for (const piece of pieces) {
    const { codec, stored } = packLines(piece, lengthsOf(piece))
    const rawBytes = piece.length
    const record = { codec, storedBytes: stored.length, rawBytes, crc: 0 }
    t.ok(unpackSection(stored, record).equals(piece))
    if (piece.length > 500_000) t.equal(codec, 2, 'split')
  }
  const texts = pieces.filter(piece => piece.length > 100_000).slice(0, 4)
  for (const text of texts) t.equal(problemOf(text), undefined)
})

test('lines without a common form are not split', async t => {
  const random = new Random(3)
  const letters = Buffer.from('abcdefghijklmnopqrstuvwxyz      \n')
  const text = Buffer.alloc(400_000)
  for (let i = 0; i < text.length - 1; i++) text[i] = letters[random.below(letters.length)]!
  text[text.length - 1] = 10
  t.equal(script.split(text), undefined, 'more templates than are kept')
  t.equal(wasm.split(text), undefined)
  t.not(packLines(text, lengthsOf(text)).codec, 2)
  t.equal(wasm.split(Buffer.from('\n'.repeat(140_000))), undefined, 'too many lines')
  t.equal(script.split(Buffer.from('\n'.repeat(140_000))), undefined)
  t.equal(wasm.split(Buffer.from(`${'1,'.repeat(600_000)}\n`)), undefined, 'too many values')
  t.equal(script.split(Buffer.from(`${'1,'.repeat(600_000)}\n`)), undefined)
})

test('rows with line breaks are found by their texts', async t => {
  const rows = Array.from({ length: 900 }, (_, i) =>
    i % 3 === 0
      ? `2026-01-15 ERROR request ${i} failed\n\tat com.example.Shop.order(Shop.java:${i})\n\tat Main`
      : `2026-01-15 INFO request ${i} took ${i * 7} ms, all is well`,
  )
  const lines = Buffer.from(rows.map(row => `${row}\n`).join(''))
  const { codec, stored } = packLines(
    lines,
    Uint32Array.from(rows, row => row.length),
  )
  t.equal(codec, 2)
  const search = new SplitSection(stored).search(rows.length)
  for (const text of ['ERROR', 'Shop.order', 'all is well', 'Main', 'nothing', '\tat com']) {
    const marks = search.find(text)
    t.strictSame(
      [...marks!],
      rows.map(row => (row.includes(text) ? 1 : 0)),
      text,
    )
  }
  t.throws(() => new SplitSection(stored).search(rows.length + 1), RangeError)
})

test('WebAssembly has the bounds of limits.ts', async t => {
  const file = readFileSync(new URL('../../../build/line-split.wasm', import.meta.url))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(file))
  const bounds = {
    bytesMax: splitBytesMax,
    linesMax: splitLinesMax,
    templatesMax: splitTemplatesMax,
    columnsMax: splitColumnsMax,
    valuesMax: splitValuesMax,
    templateBytesMax: splitTemplateBytesMax,
  }
  for (const [name, bound] of Object.entries(bounds)) {
    const exported = (exports as Record<string, WebAssembly.Global>)[name]
    t.equal(exported?.value, bound, name)
  }
})

test('damaged parts are refused, whatever is wrong', async t => {
  const line =
    'GET /orders/4711 took 12ms id=3f2504e0-4f89-41d3-9a0c-0305e82c3301 v=x9y8z7 deadbeef01\n'
  const text = Buffer.from(line.repeat(60))
  const whole = copyOf(wasm.split(text)!)
  for (const splitter of [wasm, script]) {
    let accepted = 0
    for (const name of partNames) {
      for (let at = 0; at < Math.min(whole[name].length, 400); at++) {
        for (const flip of [0x01, 0x80, 0xff]) {
          const damaged = copyOf(whole)
          damaged[name][at]! ^= flip
          try {
            if (splitter.join(damaged, text.length, Buffer.allocUnsafe).length > text.length)
              t.fail(`${name} ${at}`)
            accepted++
          } catch (error) {
            if (!(error instanceof RangeError)) t.fail(`${name} ${at}: ${error}`)
          }
        }
      }
      const cut = { ...whole, [name]: whole[name].subarray(0, -1) }
      t.throws(
        () => splitter.join(cut, text.length, Buffer.allocUnsafe),
        RangeError,
        `${name} is cut`,
      )
      const longer = { ...whole, [name]: Buffer.concat([whole[name], Buffer.alloc(1)]) }
      t.throws(
        () => splitter.join(longer, text.length, Buffer.allocUnsafe),
        RangeError,
        `${name} is longer`,
      )
    }
    t.ok(accepted > 0, 'other values make other lines, which the checksum finds')
    t.throws(
      () => splitter.join(whole, text.length - 1, Buffer.allocUnsafe),
      RangeError,
      'more than there may be',
    )
  }
})

test('a text is found in split lines without joining them', async t => {
  const seed = Number(process.env.SKALD_SEED ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const words = [
    'error',
    'at',
    'fad',
    'a-b',
    '-',
    'é',
    'id=',
    '"level":"',
    'ab ',
    ' cafe',
    'x_y',
    ':',
  ]
  const values = [
    '7',
    '0042',
    'v2',
    '12ms',
    'a1b2',
    'deadbeef',
    'cafe12',
    'error5',
    '5error',
    'x7k9p',
    'é1é',
  ]
  const uuid = '3f2504e0-4f89-41d3-9a0c-0305e82cabcd'
  let known = 0
  let compared = 0
  for (let round = 0; round < 200; round++) {
    const ofRound = random.below(2) === 0 ? values : [...values.slice(0, 4), uuid]
    const breaks = random.below(3) === 0 ? ['\n', ' '] : ['', ' ', ',', '=']
    const lines = Array.from({ length: 1 + random.below(40) }, () =>
      Array.from({ length: random.below(8) }, () =>
        random.pick(random.below(3) === 0 ? ofRound : words),
      ).join(random.pick(breaks)),
    )
    const parts = wasm.split(Buffer.from(lines.map(line => `${line}\n`).join('')))!
    const lineCounts = Uint32Array.from(lines, line => line.split('\n').length)
    const search = new SplitSearch(parts, lines.length, lineCounts)
    const joined = lines.join(' ')
    for (let i = 0; i < 200; i++) {
      const from = random.below(joined.length + 1)
      const cut = joined.slice(from, from + 1 + random.below(9))
      const text = random.below(4) === 0 ? random.pick(words) + random.pick(words) : cut
      const marks = search.find(Buffer.from(text).toString('latin1'))
      compared++
      if (!marks) continue
      known++
      const wanted = lines.map(line => (line.includes(text) ? 1 : 0))
      if (String([...marks]) !== String(wanted)) t.fail(`${JSON.stringify(text)} in ${joined}`)
    }
  }
  t.ok(known > compared / 5, `${known} of ${compared} texts were found in templates alone`)
})
