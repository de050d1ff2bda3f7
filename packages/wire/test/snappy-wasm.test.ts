import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'tap'
import {
  BufferPool,
  snappyCodec,
  snappyCompress,
  snappyCompressPieces,
  snappyDecompress,
  writeVarint,
} from '../src/index.ts'
import { snappyWasmBytesMax } from '../src/limits.ts'
import {
  compressInJs,
  decompressInJs,
  type SnappyBlock,
  worstCompressedBytes,
} from '../src/snappy-js.ts'
import { WasmSnappy } from '../src/snappy-wasm.ts'

const wasm = new WasmSnappy()
/** Compresses into `output` like `compressInJs`. */
function compressInWasm(bytes: Buffer, output: Buffer): number {
  let length = writeVarint(output, 0, bytes.length)
  wasm.compress([bytes], elements => {
    length += elements.copy(output, length)
  })
  return length
}

/** Compresses, and checks that nothing behind the output has changed. */
function compressed(bytes: Buffer, compress: (bytes: Buffer, output: Buffer) => number): Buffer {
  const room = worstCompressedBytes(bytes.length)
  const output = Buffer.alloc(room + 64, 0xaa)
  const length = compress(bytes, output)
  if (length > room || !output.subarray(room).every(byte => byte === 0xaa)) {
    throw new Error(`${bytes.length} bytes became ${length}, more than the worst case`)
  }
  return output.subarray(0, length)
}

/** Reads the length that a block declares. */
function blockOf(body: Buffer): SnappyBlock {
  let length = 0
  for (let at = 0; ; at++) {
    length += (body[at]! & 0x7f) * 2 ** (7 * at)
    if (body[at]! < 0x80) return { body, start: at + 1, length }
  }
}

/**
 * Returns true if the last bytes may be a literal with a separate length, which the format allows
 * and snappyjs refuses. No encoder writes one that short.
 */
function mayEndInLongForm(body: Uint8Array): boolean {
  return body.subarray(-4).some(byte => byte >= 60 << 2 && (byte & 3) === 0)
}

/** Bytes of many kinds: random, words of a small alphabet, long repetitions, and lines. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.integer({ min: 97, max: 99 }), { maxLength: 300 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 4000 }))
        .map(([word, count]) => Buffer.alloc(word.length * count, word)),
      fc
        .array(fc.integer({ min: 0, max: 999 }), { maxLength: 400 })
        .map(numbers => Buffer.from(numbers.map(n => `level=info id=${n} took ${n}ms\n`).join(''))),
    ),
    { maxLength: 8 },
  )
  .map(parts => Buffer.concat(parts.map(part => Uint8Array.from(part))))

test('WebAssembly is what runs here', async t => {
  t.equal(snappyCodec(), 'wasm')
})

test('each codec decompresses what the other compressed', async t => {
  fc.assert(
    fc.property(content, bytes => {
      const inWasm = compressed(bytes, compressInWasm)
      const inJs = compressed(bytes, compressInJs)
      for (const body of [inWasm, inJs]) {
        const block = blockOf(body)
        if (!wasm.decompress(block, Buffer.alloc)?.equals(bytes)) throw new Error('WebAssembly')
        if (!decompressInJs(block, Buffer.alloc)?.equals(bytes)) throw new Error('JavaScript')
      }
    }),
    { numRuns: 400 },
  )
  t.pass()
})

test('lengths around the limits of the format', async t => {
  const noise = Buffer.from(
    Array.from({ length: 140_000 }, (_, i) => (i * i * 2_654_435_761) >>> 24),
  )
  for (const length of [0, 1, 4, 14, 15, 16, 17, 59, 60, 61, 62, 255, 256, 257, 258, 65_535]) {
    for (const more of [0, 65_536]) {
      for (const source of [noise, Buffer.alloc(140_000, 'x'), Buffer.alloc(140_000, 'abcdefg')]) {
        const bytes = source.subarray(0, length + more)
        const body = compressed(bytes, compressInWasm)
        t.ok(decompressInJs(blockOf(body), Buffer.alloc)?.equals(bytes), `${bytes.length} bytes`)
        t.ok(wasm.decompress(blockOf(body), Buffer.alloc)?.equals(bytes), `${bytes.length} bytes`)
      }
    }
  }
})

test('pieces become the same block as their bytes in one buffer', async t => {
  const pool = new BufferPool(1 << 20)
  const cutContent = fc.record({
    bytes: fc.array(content, { minLength: 1, maxLength: 20 }).map(parts => Buffer.concat(parts)),
    cuts: fc.array(fc.nat(), { maxLength: 30 }),
  })
  fc.assert(
    fc.property(cutContent, ({ bytes, cuts }) => {
      const ends = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length]
      let start = 0
      const pieces = ends
        .sort((a, b) => a - b)
        .map(end => {
          const piece = bytes.subarray(start, end)
          start = end
          return piece
        })
      const { body, memory } = snappyCompressPieces(pieces, pool)
      t.ok(body.equals(snappyCompress(bytes)), `${bytes.length} bytes`)
      pool.give(memory)
    }),
    { numRuns: 100 },
  )
  const noise = createHash('shake256', { outputLength: 300_000 }).update('noise').digest()
  const { body } = snappyCompressPieces([noise.subarray(0, 9), noise.subarray(9)], pool)
  t.ok(body.length >= noise.length, 'bytes that do not become shorter')
  t.ok(snappyDecompress(body, noise.length).equals(noise))
})

test('a damaged block has the same outcome in both', async t => {
  let refused = 0
  const damage = fc.record({
    bytes: content,
    at: fc.nat(),
    value: fc.integer({ min: 0, max: 255 }),
    cut: fc.oneof(fc.constant(0), fc.nat({ max: 20 })),
  })
  fc.assert(
    fc.property(damage, ({ bytes, at, value, cut }) => {
      const whole = blockOf(compressed(bytes, compressInJs))
      const body = Buffer.from(
        whole.body.subarray(0, Math.max(whole.start, whole.body.length - cut)),
      )
      if (body.length > whole.start) body[whole.start + (at % (body.length - whole.start))] = value
      if (mayEndInLongForm(body)) return
      const block = { ...whole, body }
      const inWasm = wasm.decompress(block, Buffer.alloc)
      const inJs = decompressInJs(block, Buffer.alloc)
      if (!inJs) refused++
      if (inJs ? !inWasm?.equals(inJs) : inWasm) throw new Error('they differ')
    }),
    { numRuns: 3000 },
  )
  t.ok(refused > 500 && refused < 2900, `${refused} of 3000 were refused`)
})

test('any elements have the same outcome in both', async t => {
  // Small numbers make valid elements likely.
  const byte = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 255 }))
  const input = fc.record({
    elements: fc.array(byte, { maxLength: 60 }),
    length: fc.integer({ min: 0, max: 127 }),
  })
  fc.assert(
    fc.property(input, ({ elements, length }) => {
      const body = Buffer.from([length, ...elements])
      if (mayEndInLongForm(body)) return
      const inWasm = wasm.decompress({ body, start: 1, length }, Buffer.alloc)
      const inJs = decompressInJs({ body, start: 1, length }, Buffer.alloc)
      if (inJs ? !inWasm?.equals(inJs) : inWasm) throw new Error('they differ')
    }),
    { numRuns: 5000 },
  )
  t.pass()
})

test('a short literal may have a separate length', async t => {
  const body = Buffer.from([2, 60 << 2, 1, 97, 98])
  t.equal(wasm.decompress(blockOf(body), Buffer.alloc)?.toString(), 'ab')
})

test('a copy may reach back further than our own encoder does', async t => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i * 7_919) >>> 5))
  const head = Buffer.from([...varint(100_004), 62 << 2, 0x9f, 0x86, 0x01])
  const copy = Buffer.from([(3 << 2) | 3, 0xa0, 0x86, 0x01, 0x00])
  const body = Buffer.concat([head, bytes, copy])
  const expected = Buffer.concat([bytes, bytes.subarray(0, 4)])
  t.ok(wasm.decompress(blockOf(body), Buffer.alloc)?.equals(expected))
  t.ok(decompressInJs(blockOf(body), Buffer.alloc)?.equals(expected))
})

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

test('it compresses lines as well as snappyjs', async t => {
  let text = ''
  for (let i = 0; i < 20_000; i++) {
    const id = Math.imul(i, 2_654_435_761) >>> 0
    text += `{"level":"info","id":"${id.toString(16)}","ms":${id % 900},"path":"/api/v1/orders/${id}"}\n`
  }
  const bytes = Buffer.from(text)
  const ratio = compressed(bytes, compressInWasm).length / compressed(bytes, compressInJs).length
  t.ok(ratio < 1.02, `${ratio}`)
})

test('memory has a limit, and a larger body takes the other way', async t => {
  const bytes = Buffer.alloc(snappyWasmBytesMax, 'the same line again\n')
  const body = snappyCompress(bytes)
  t.notOk(wasm.hasRoomFor(blockOf(body)))
  t.ok(snappyDecompress(body, 2 * bytes.length).equals(bytes))
  const most = bytes.subarray(0, snappyWasmBytesMax / 2)
  const fits = blockOf(snappyCompress(most))
  t.ok(wasm.hasRoomFor(fits))
  t.ok(wasm.decompress(fits, Buffer.alloc)?.equals(most), 'after the memory has grown')
  t.ok(wasm.decompress(fits, Buffer.alloc)?.equals(most), 'and again')
})

test('nothing is allocated for a damaged block', async t => {
  const allocate = () => {
    throw new Error('allocated')
  }
  t.equal(wasm.decompress({ body: Buffer.from([0, 97]), start: 0, length: 2 }, allocate), undefined)
})

test('without the module, opening it fails', async t => {
  const missing = new URL('../build/missing.wasm', import.meta.url)
  t.notOk(existsSync(missing))
  t.throws(() => new WasmSnappy(missing), { code: 'ENOENT' })
})
