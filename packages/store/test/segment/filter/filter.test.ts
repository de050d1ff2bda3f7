// Block filters as a whole: the keys of lines, tables of filters, and what they rule out. A block
// that contains what is needed is never ruled out.

import type { Need } from '@skald/query'
import { createLabelSet, type LabelSet } from '@skald/wire'
import { test } from 'tap'
import { filterGroupBits, filterRowsMax } from '../../../src/limits.ts'
import { foldFilter } from '../../../src/segment/filter/block-filter.ts'
import {
  FilterGroupReader,
  FilterGroupWriter,
  pageBytes,
} from '../../../src/segment/filter/filter-group.ts'
import { KeyFinder, openWasmKeys, scriptKeys } from '../../../src/segment/filter/key-finder.ts'
import { filterTextBytes, gramKeys, rowOfKey } from '../../../src/segment/filter/keys.ts'
import {
  columnsWith,
  mayHave as mayHaveKeys,
  neededKeys,
} from '../../../src/segment/filter/need-keys.ts'
import { StoredFilters } from '../../../src/segment/filter/stored-filters.ts'
import { createRandom, randomLine } from './random-lines.ts'

interface Block {
  readonly lines: readonly Buffer[]
  readonly sets: readonly LabelSet[]
}

const textsOf = ({ lines }: Block) => ({
  lines: Buffer.concat(lines.flatMap(line => [line, Buffer.from('\n')])),
  lengths: Uint32Array.from(lines, line => line.length),
})

/** Writes the filters of blocks as one group, and opens it. */
function groupOf(blocks: readonly Block[], keys = new KeyFinder()) {
  const writer = new FilterGroupWriter(0)
  for (const block of blocks) writer.add(keys.filterOf(textsOf(block), block.sets))
  const { record: placeless, bytes } = writer.finish()!
  const record = { ...placeless, offsetBytes: 0 }
  return { record, bytes, open: (from = bytes) => openGroup(record, from) }
}

const openGroup = (record: FilterGroupReader['record'], bytes: Buffer) =>
  new FilterGroupReader(record, (offset, length) => bytes.subarray(offset, offset + length))

/** Returns which blocks may have what is needed: index → 1 or 0. */
function mayHave(group: FilterGroupReader, need: Need, count: number): Uint8Array {
  const keys = neededKeys(need, [])
  const found = new Uint8Array(count).fill(keys ? 0 : 1)
  for (const table of keys ? group.tables() : []) {
    const columns = columnsWith(keys!, group, table)
    for (const [column, block] of table.blocks.entries()) found[block] = columns[column]!
  }
  return found
}

const text = (value: string, ignoresCase = false): Need => ({
  kind: 'text',
  text: value,
  ignoresCase,
})

test('in a million comparisons, no block that contains a text is ruled out', t => {
  const random = createRandom(16)
  const blockCount = 50
  let comparisons = 0
  let missed = 0
  let needless = 0
  let absent = 0
  for (let round = 0; round < 20; round++) {
    const blocks = Array.from({ length: blockCount }, (_, i): Block => {
      const lines = Array.from({ length: 1 + random.below(4 + i) }, () => randomLine(random))
      const sets = lines.map(() => createLabelSet({ trace_id: random.hex(8), pod: `p${i}` }))
      return { lines, sets }
    })
    const group = groupOf(blocks).open()
    for (let n = 0; n < 1000; n++) {
      const { lines } = blocks[random.below(blockCount)]!
      const line = lines[random.below(lines.length)]!
      const from = random.below(line.length + 1)
      const needle =
        random.below(4) === 0
          ? randomLine(random).subarray(0, random.below(60))
          : line.subarray(from, from + 1 + random.below(1 + random.below(60)))
      const value = needle.toString('utf8')
      // A part of a character is no text that a query can look for.
      const bytes = Buffer.from(value)
      const found = mayHave(group, text(value), blockCount)
      for (const [i, block] of blocks.entries()) {
        comparisons++
        const isThere = block.lines.some(one => one.includes(bytes))
        if (isThere && found[i] === 0) missed++
        if (!isThere && bytes.length >= 24) {
          absent++
          if (found[i] === 1) needless++
        }
      }
    }
  }
  t.equal(comparisons, 1_000_000)
  t.equal(missed, 0)
  t.ok(needless < absent / 20, `${needless} of ${absent} blocks without a long text are read`)
  t.end()
})

test('a text without regard to case is found by four letters of it', t => {
  const blocks = ['Kernel PANIC: oops', 'all is well', 'kernelpanics'].map(
    (line): Block => ({ lines: [Buffer.from(line)], sets: [] }),
  )
  const group = groupOf(blocks).open()
  t.same([...mayHave(group, text('panic', true), 3)], [1, 0, 1])
  t.same([...mayHave(group, text('Panic'), 3)], [1, 0, 1], 'keys of letters ignore case anyway')
  t.same([...mayHave(group, text('oops'), 3)], [1, 0, 0])
  t.same([...mayHave(group, text('oo'), 3)], [1, 1, 1], 'two letters have no key')
  t.end()
})

test('metadata, escapes and alternatives have keys', t => {
  const blocks: Block[] = [
    { lines: [Buffer.from('a')], sets: [createLabelSet({ trace_id: 'x1', span: 'y' })] },
    { lines: [Buffer.from('b')], sets: [createLabelSet({ trace_id: 'y', span: 'x1' })] },
    { lines: [Buffer.from(String.raw`{"id":"\u0061bc"}`)], sets: [] },
    { lines: [Buffer.from(String.raw`{"id":"\u003cbc \n"}`)], sets: [] },
  ]
  const group = groupOf(blocks).open()
  const pair = (name: string, value: string): Need => ({ kind: 'metadata', name, value })
  t.same([...mayHave(group, pair('trace_id', 'x1'), 4)], [1, 0, 0, 0])
  t.same([...mayHave(group, pair('trace_id', 'y'), 4)], [0, 1, 0, 0])
  t.same([...mayHave(group, { kind: 'escape' }, 4)], [0, 0, 1, 0])
  const any: Need = { kind: 'any', of: [pair('span', 'y'), { kind: 'escape' }] }
  t.same([...mayHave(group, any, 4)], [1, 0, 1, 0])
  const all: Need = { kind: 'all', of: [any, pair('trace_id', 'x1')] }
  t.same([...mayHave(group, all, 4)], [1, 0, 0, 0])
  const label: Need = { kind: 'stream-label', name: 'app' }
  t.same(neededKeys(label, createLabelSet({ app: 'x' })), undefined)
  t.same(neededKeys(label, createLabelSet({ pod: 'x' })), { kind: 'any', of: [] })
  t.same([...mayHave(group, label, 4)], [0, 0, 0, 0], 'a stream without the label cannot have it')
  t.end()
})

test('names of metadata have keys, except in older filters', t => {
  const blocks: Block[] = [
    { lines: [Buffer.from('a')], sets: [createLabelSet({ trace_id: 'x1' })] },
    { lines: [Buffer.from('b')], sets: [createLabelSet({ span: 'x1' })] },
  ]
  const { record, bytes, open } = groupOf(blocks)
  const name: Need = { kind: 'metadata-name', name: 'span' }
  const some: Need = { kind: 'any', of: [name, text('never there at all')] }
  t.same([...mayHave(open(), name, 2)], [0, 1])
  t.same([...mayHave(open(), some, 2)], [0, 1])
  const older = openGroup({ ...record, hasNames: false }, bytes)
  t.same([...mayHave(older, name, 2)], [1, 1])
  t.same([...mayHave(older, some, 2)], [1, 1])
  const read = () => bytes
  t.ok(new StoredFilters([record], read).of(1))
  t.notOk(
    new StoredFilters([{ ...record, hasNames: false }], read).of(1),
    'a merge makes a new one',
  )
  t.end()
})

test('the keys of a single filter are those of its group', t => {
  const random = createRandom(21)
  const keys = new KeyFinder()
  const blocks = Array.from({ length: 20 }, (): Block => {
    const sets = [createLabelSet({ [random.pick(['span', 'pod'])]: random.hex(1) })]
    return { lines: Array.from({ length: 5 }, () => randomLine(random)), sets }
  })
  const group = groupOf(blocks).open()
  const filters = blocks.map(block => keys.filterOf(textsOf(block), block.sets))
  let found = 0
  for (let n = 0; n < 300; n++) {
    const line = random.pick(random.pick(blocks).lines).toString('utf8')
    const from = random.below(line.length + 1)
    const need: Need = random.pick([
      text(line.slice(from, from + 20)),
      text(random.hex(8)),
      { kind: 'metadata', name: 'span', value: random.hex(1) },
      { kind: 'metadata-name', name: random.pick(['span', 'pod', 'x']) },
      { kind: 'any', of: [text(line.slice(0, 14)), { kind: 'escape' }] },
    ])
    const needed = neededKeys(need, [])
    if (!needed) continue
    const single = filters.map(filter => (mayHaveKeys(needed, filter) ? 1 : 0))
    t.same(single, [...mayHave(group, need, blocks.length)])
    found += single.includes(1) ? 1 : 0
  }
  t.ok(found > 50 && found < 300, `${found} needs are met`)
  t.end()
})

const missing = openWasmKeys() ? false : 'WebAssembly was not built (npm ci builds it)'
test('JavaScript and WebAssembly find the same keys', { skip: missing }, t => {
  const wasm = openWasmKeys()!
  const random = createRandom(7)
  const long = Buffer.alloc(2_500_000, 0)
  for (let i = 0; i < long.length; i++) long[i] = random.below(256)
  const blocks: Block[] = [
    ...Array.from({ length: 40 }, (_, i) => ({
      lines: Array.from({ length: 20 * i }, () => randomLine(random)),
      sets: [],
    })),
    { lines: Array.from({ length: 70_000 }, (_, i) => Buffer.from(i % 9 ? '' : 'word')), sets: [] },
    { lines: [Buffer.from('short'), long, randomLine(random)], sets: [] },
    { lines: [long.subarray(0, 1_048_575), long.subarray(5, 1_048_580)], sets: [] },
    ...[11, 12, 13, 14, 15, 16, 17, 18, 19].map(bytes => ({
      lines: Array.from({ length: 2000 }, () => long.subarray(random.below(99), bytes)),
      sets: [],
    })),
  ]
  const one = new KeyFinder(wasm)
  const other = new KeyFinder(scriptKeys)
  for (const [i, block] of blocks.entries()) {
    const texts = textsOf(block)
    t.same(one.filterOf(texts, []), other.filterOf(texts, []), `block ${i}`)
  }
  t.end()
})

test('a filter that was made smaller has the same bits as one built that way', t => {
  const random = createRandom(3)
  const hashes = Array.from({ length: 20_000 }, () => random.below(2 ** 32) | 0)
  for (const count of [0, 1, 100, 5_000, 20_000]) {
    const build = (rowCount: number) => {
      const bits = new Uint32Array(Math.ceil(rowCount / 32))
      for (const hash of hashes.slice(0, count)) {
        const row = rowOfKey(hash, 0, rowCount)
        bits[row >>> 5]! |= 1 << (row & 31)
      }
      return { rowCount, bits }
    }
    const folded = foldFilter(build(filterRowsMax))
    t.same(folded, build(folded.rowCount), `${count} keys, ${folded.rowCount} rows`)
  }
  t.end()
})

test('texts below the least length have no key of their own, all others have', t => {
  for (let length = 0; length < 40; length++) {
    const keys = gramKeys(Buffer.alloc(length, '0123456789'))
    t.equal(keys.length > 0, length >= filterTextBytes, `${length} bytes`)
  }
  t.end()
})

test('a filter read back has the bits it was made of', t => {
  const random = createRandom(5)
  const blocks = Array.from(
    { length: 30 },
    (_, i): Block => ({
      lines: Array.from({ length: 1 + 7 * i }, () => randomLine(random)),
      sets: [],
    }),
  )
  const keys = new KeyFinder()
  const group = groupOf(blocks, keys).open()
  let count = 0
  for (const table of group.tables()) {
    for (const [column, block] of table.blocks.entries()) {
      t.same(group.filterOf(table, column), keys.filterOf(textsOf(blocks[block]!), []))
      count++
    }
  }
  t.equal(count, blocks.length)
  t.end()
})

test('any damaged byte of a filter is noticed when it is read', t => {
  const random = createRandom(9)
  const blocks = Array.from(
    { length: 20 },
    (): Block => ({
      lines: Array.from({ length: 400 }, () => randomLine(random)),
      sets: [],
    }),
  )
  const { bytes, open } = groupOf(blocks)
  t.ok(bytes.length > 2 * pageBytes, 'several pages')
  for (let at = 0; at < bytes.length; at += 377) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 1 << (at % 8)
    const group = open(damaged)
    t.throws(() => {
      for (const table of group.tables()) group.filterOf(table, 0)
    }, RangeError)
  }
  for (let length = 0; length < bytes.length; length += 2111) {
    const group = open(bytes.subarray(0, length))
    t.throws(() => {
      for (const table of group.tables()) group.filterOf(table, 0)
    }, RangeError)
  }
  t.end()
})

test('a group is full after enough bits, and an empty one has no bytes', t => {
  const writer = new FilterGroupWriter(0)
  t.equal(writer.finish(), undefined)
  writer.add(undefined)
  t.equal(writer.finish(), undefined, 'blocks without filters only')
  const filter = { rowCount: filterRowsMax, bits: new Uint32Array(filterRowsMax / 32) }
  let added = 0
  for (; !writer.isFull; added++) writer.add(filter)
  t.equal(added, Math.ceil(filterGroupBits / filterRowsMax))
  t.end()
})
