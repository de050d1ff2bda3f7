// What scanners say they keep.

import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import {
  type Leaf,
  type MemoryMeter,
  openLeafScanner,
  parseLogQuery,
  parseLogql,
  parseSelector,
  resultBytesOf,
} from '../../src/index.ts'
import { createBlock, type TestEntry, testClock } from '../memory-source.ts'

const startNs = 1_768_435_200_000_000_000n
const selector = '{app="a"}'
const range = { startNs, endNs: startNs + 1_000_000n }
const grid = { startNs: startNs + 1_000_000n, stepNs: 1_000_000n, count: 1 }

function countingMeter() {
  const counts = { result: 0, own: 0 }
  const meter: MemoryMeter = {
    takeResult: bytes => {
      counts.result += bytes
    },
    takeOwn: bytes => {
      counts.own += bytes
    },
  }
  return { counts, meter }
}

function lines(count: number, lineOf: (i: number) => string): TestEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    timestampNs: startNs + BigInt(i),
    line: lineOf(i),
  }))
}

/** Scans one block, and returns what the scanner kept. */
function scan(leaf: Leaf, entries: readonly TestEntry[]) {
  const { counts, meter } = countingMeter()
  const scanner = openLeafScanner(leaf, testClock, { meter })
  scanner.scan(createBlock(createLabelSet({ app: 'a' }), entries))
  return counts
}

function logLeaf(limit: number, query = selector): Leaf {
  const matchers = parseSelector(selector)
  const log = parseLogQuery(query)
  return { kind: 'logs', log, matchers, ...range, direction: 'forward', limit }
}

function sampleLeaf(query: string): Leaf {
  const expr = parseLogql(query)
  if (expr.kind !== 'range') throw new TypeError(expr.kind)
  const matchers = parseSelector(selector)
  return { kind: 'samples', range: expr, matchers, ...range, grid, maxSeries: 100_000 }
}

test('a log scanner counts the lines it keeps, and not those it drops again', async t => {
  const entries = lines(100, () => 'x'.repeat(1000))
  const ten = scan(logLeaf(10), entries).result
  const all = scan(logLeaf(100), entries).result
  t.ok(ten > 10_000 && ten < 20_000, `${ten} bytes`)
  t.ok(all > 100_000 && all < 200_000, `${all} bytes`)
  const { counts, meter } = countingMeter()
  const backward = { ...logLeaf(10), direction: 'backward' } as Leaf
  const scanner = openLeafScanner(backward, testClock, { meter })
  // Each block is newer, so its lines replace those of the block before.
  for (let from = 0; from < 100; from += 10) {
    scanner.scan(createBlock(createLabelSet({ app: 'a' }), entries.slice(from, from + 10)))
  }
  t.ok(Math.abs(counts.result - ten) < 2000, `${counts.result} bytes after all were replaced`)
})

test('a log scanner counts parsed labels', async t => {
  const keys = Array.from({ length: 1000 }, (_, i) => `"k${i}":"v"`).join(',')
  const entries = lines(3, () => `{${keys}}`)
  const plain = scan(logLeaf(10), entries).result
  const parsed = scan(logLeaf(10, `${selector} | json`), entries).result
  t.ok(parsed > plain + 3 * 1000 * 60, `${parsed} bytes, without labels ${plain}`)
})

test('a sample scanner counts series, by their labels and buckets', async t => {
  const entries = lines(500, i => `id=${i}`)
  const { result, own } = scan(sampleLeaf(`count_over_time(${selector} | logfmt [1m])`), entries)
  t.ok(result > 500 * 400 && result < 500 * 2000, `${result} bytes`)
  t.ok(own > 500 * 30, `${own} bytes of keys`)
  const one = scan(sampleLeaf(`count_over_time(${selector} [1m])`), entries)
  t.ok(one.result < 2000, `${one.result} bytes of one series`)
})

test('a sample scanner counts the samples that it keeps', async t => {
  const entries = lines(5000, i => `n=${i}`)
  const query = `quantile_over_time(0.5, ${selector} | logfmt | unwrap n [1m]) by (app)`
  t.ok(scan(sampleLeaf(query), entries).result > 5000 * 8)
})

test('the error of a meter ends a scan', async t => {
  const leaf = sampleLeaf(`count_over_time(${selector} | logfmt [1m])`)
  const refuse = () => {
    throw new Error('no memory')
  }
  const meter = { takeResult: refuse, takeOwn: refuse }
  const scanner = openLeafScanner(leaf, testClock, { meter })
  const block = createBlock(
    createLabelSet({ app: 'a' }),
    lines(5, i => `id=${i}`),
  )
  t.throws(() => scanner.scan(block), { message: 'no memory' })
})

test('the expected result of a leaf grows with its limit, its rows and its series', async t => {
  const rows = { rows: 1000, lineBytes: 1_000_000, series: 1 }
  const few = resultBytesOf(logLeaf(10), rows)
  t.ok(few > 10_000 && few < 20_000, `${few} bytes`)
  t.equal(resultBytesOf(logLeaf(5000), rows), resultBytesOf(logLeaf(1000), rows))
  t.equal(resultBytesOf(logLeaf(10), { rows: 0, lineBytes: 0, series: 0 }), 0)
  const leaf = sampleLeaf(`count_over_time(${selector} | logfmt [1m])`)
  const one = resultBytesOf(leaf, { ...rows, series: 1 })
  t.equal(resultBytesOf(leaf, { ...rows, series: 300 }), 300 * one)
  const real = scan(
    leaf,
    lines(300, i => `id=${i}`),
  ).result
  t.ok(real < 600 * one && real > 150 * one, `${300 * one} bytes expected, ${real} found`)
})
