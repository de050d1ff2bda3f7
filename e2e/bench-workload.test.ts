// The benchmark's generator: its data matches its description, and the same seed gives the same
// bytes.

import { zstdDecompressSync } from 'node:zlib'
import { snappyDecompress } from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import { test } from 'tap'
import { createWorkload } from '../bench/generator.ts'
import { closeLoad, createLoad, openLoad } from '../bench/load.ts'

const options = { seed: 7, megabytes: 2, startMs: Date.UTC(2026, 0, 15, 12) }
const hourNs = 3600e9

test('Workload contains the lines, streams, times and the one needle that it reports', async t => {
  const workload = createWorkload(options)
  const streamTexts = new Set<string>()
  let lineCount = 0
  let lineBytes = 0
  let needleCount = 0
  let outOfOrderCount = 0
  let lastPushNs = 0
  for (const body of workload.bodies) {
    let pushLastNs = 0
    for (const stream of decodePushRequest(snappyDecompress(body, 1 << 24))) {
      streamTexts.add(stream.labelsText)
      for (let i = 0; i < stream.entryCount; i++) {
        const offsetNs = stream.seconds[i]! * 1e9 - options.startMs * 1e6 + stream.nanos[i]!
        if (offsetNs < lastPushNs || offsetNs > hourNs) outOfOrderCount++
        pushLastNs = Math.max(pushLastNs, offsetNs)
        const start = stream.lineOffsets[i]!
        const line = stream.bytes.subarray(start, start + stream.lineLengths[i]!)
        if (line.includes(workload.needle)) needleCount++
        lineBytes += line.length
        lineCount++
      }
    }
    lastPushNs = pushLastNs
  }
  t.equal(lineCount, workload.lineCount)
  t.equal(lineBytes, workload.lineBytes)
  t.equal(needleCount, 1)
  t.equal(outOfOrderCount, 0, 'pushes follow each other in time, within the hour')
  t.ok(lineBytes >= 2e6 && lineBytes < 2.1e6)
  t.equal(workload.streams.length, 50)
  t.ok(streamTexts.size > 40, `${streamTexts.size} streams in a small sample`)
  const piecesBytes = workload.pieces.reduce((sum, piece) => sum + piece.length, 0)
  t.equal(piecesBytes, lineBytes + lineCount, 'pieces are the lines with line ends')
})

test('Workload gives the same bytes for the same seed, and others for another seed', async t => {
  const first = Buffer.concat(createWorkload(options).bodies)
  const again = Buffer.concat(createWorkload(options).bodies)
  const other = Buffer.concat(createWorkload({ ...options, seed: 8 }).bodies)
  t.ok(first.equals(again))
  t.notOk(first.equals(other))
})

test('Load in files is the workload in memory, and is there again when it is opened', async t => {
  const dir = t.testdir()
  t.equal(openLoad(dir), undefined)
  const workload = createWorkload(options)
  const made = createLoad(dir, options)
  closeLoad(made)
  const load = openLoad(dir)!
  t.teardown(() => closeLoad(load))
  const { bodies, pieces, ...summary } = workload
  t.match(load, summary)
  t.equal(load.bodies.count, bodies.length)
  t.equal(load.pieces.count, pieces.length)
  t.ok(bodies.every((body, i) => load.bodies.read(i).equals(body)))
  t.ok(pieces.every((piece, i) => zstdDecompressSync(load.pieces.read(i)).equals(piece)))
})

test('Traced workload has the same lines, with a trace id and a span id for each', async t => {
  const plain = createWorkload(options)
  const traced = createWorkload({ ...options, isTraced: true })
  t.equal(traced.lineBytes, plain.lineBytes)
  t.ok(Buffer.concat(traced.pieces).equals(Buffer.concat(plain.pieces)))
  const ids = new Set<string>()
  let needleIdCount = 0
  let entryCount = 0
  for (const body of traced.bodies) {
    for (const stream of decodePushRequest(snappyDecompress(body, 1 << 24))) {
      t.match(stream.labelsText, 'cluster="traced"')
      t.notMatch(stream.labelsText, 'namespace="')
      for (let i = 0; i < stream.entryCount; i++) {
        entryCount++
        const pairs = stream.metadata?.[i] ?? []
        const [traceId = '', spanId = ''] = ['trace_id', 'span_id'].map(
          name => pairs.find(pair => pair.name === name)?.value,
        )
        ids.add(traceId)
        if (!/^[\da-f]{32}$/.test(traceId) || !/^[\da-f]{16}$/.test(spanId)) t.fail(traceId)
        if (traceId !== traced.needleTraceId) continue
        needleIdCount++
        const start = stream.lineOffsets[i]!
        t.ok(stream.bytes.subarray(start, start + stream.lineLengths[i]!).includes(traced.needle))
      }
    }
  }
  t.equal(entryCount, traced.lineCount)
  t.equal(ids.size, traced.lineCount)
  t.equal(needleIdCount, 1)
})
