import { test } from 'tap'
import { formatQueryStats } from '../src/query-stats.ts'

const summary = {
  ...{ execTime: 0.5, totalBytesProcessed: 100, totalLinesProcessed: 10 },
  totalPostFilterLines: 1,
}
const none = { damagedSegments: 0 }
const explained = {
  ...{ scans: 1, scansShared: 0, streams: 1, segments: 3 },
  blocks: {
    ...{ outOfRange: 0, otherStreams: 0, deleted: 0, filtered: 2, counted: 0, fromCounts: 0 },
    ...{ beyondLimit: 0, scanned: 1 },
  },
  filters: { asked: 3, falseHits: 0, ...none },
  counts: { segments: 0, ...none },
  bytes: { footersRead: 1, filtersRead: 1, countsRead: 1, blocksRead: 1, decompressed: 1 },
  seconds: { streams: 0, footers: 0, filters: 0, counts: 0, scan: 0, merge: 0, rest: 0 },
  threads: { count: 1, scanCpuSeconds: 0, busiestScanCpuSeconds: 0 },
}

test('reads of a bucket are a line, if there were any', t => {
  const bucketLine = (requests: number, bytes: number) =>
    formatQueryStats({ summary, skald: { ...explained, bucket: { requests, bytes } } }).find(line =>
      line.startsWith('bucket'),
    )
  t.match(bucketLine(1234, 5_200_000), /^bucket +1,234 {2}reads, 5\.2MB$/)
  t.equal(bucketLine(0, 0), undefined)
  t.end()
})
