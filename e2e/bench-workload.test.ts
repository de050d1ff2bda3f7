// The benchmark's generator: its data matches its description, and the same seed gives the same
// bytes.

import { snappyDecompress } from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import { test } from 'tap'
import { createWorkload } from '../bench/generator.ts'

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
