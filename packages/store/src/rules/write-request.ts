// The body of a remote write request of Prometheus, version 1.0 or 2.0: protobuf in one block of Snappy.
//
//   1.0   WriteRequest { TimeSeries timeseries = 1 }      TimeSeries { Label labels = 1; Sample samples = 2 }
//   2.0   Request { string symbols = 4; TimeSeries timeseries = 5 }
//                                                         TimeSeries { packed uint32 labels_refs = 1; Sample samples = 2 }
//   both  Label { string name = 1; string value = 2 }     Sample { double value = 1; int64 timestamp = 2 }

import { formatLabelSet, type LabelSet, snappyCompress, writeVarint } from '@skald/wire'

/** A sample of a series. */
export interface WriteSample {
  readonly labels: LabelSet
  readonly timeMs: number
  /** `stale` says that the series has ended. */
  readonly value: number | 'stale'
}

/** Samples of one tenant that were made together. */
export interface SamplesOfTenant {
  readonly tenant: string
  readonly samples: readonly WriteSample[]
}

/** Prometheus' mark for the end of a series: a NaN with these bits. */
const staleBits = 0x7ff0000000000002n

/** Builds the body. The samples of a series stay in order. */
export function encodeWriteRequest(samples: readonly WriteSample[], version: 1 | 2): Buffer {
  const series = new Map<string, { readonly labels: LabelSet; readonly samples: Buffer[] }>()
  for (const sample of samples) {
    const key = formatLabelSet(sample.labels)
    const known = series.get(key) ?? { labels: sample.labels, samples: [] }
    known.samples.push(field(2, encodeSample(sample)))
    series.set(key, known)
  }
  const all = [...series.values()]
  const parts = version === 1 ? all.map(encodeSeries) : encodeWithSymbols(all)
  return snappyCompress(Buffer.concat(parts))
}

interface EncodedSeries {
  readonly labels: LabelSet
  readonly samples: readonly Buffer[]
}

function encodeSeries({ labels, samples }: EncodedSeries): Buffer {
  const pairs = labels.map(({ name, value }) =>
    field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))])),
  )
  return field(1, Buffer.concat([...pairs, ...samples]))
}

function encodeWithSymbols(all: readonly EncodedSeries[]): Buffer[] {
  // The empty text has to be the first.
  const symbols = new Map<string, number>([['', 0]])
  const symbolOf = (text: string) => {
    const known = symbols.get(text) ?? symbols.size
    symbols.set(text, known)
    return known
  }
  const series = all.map(({ labels, samples }) => {
    const numbers = labels.flatMap(({ name, value }) => [symbolOf(name), symbolOf(value)])
    const packed = Buffer.concat(numbers.map(varint))
    return field(5, Buffer.concat([field(1, packed), ...samples]))
  })
  return [...[...symbols.keys()].map(text => field(4, Buffer.from(text))), ...series]
}

function encodeSample({ value, timeMs }: WriteSample): Buffer {
  const out = Buffer.alloc(24)
  out[0] = 0x09
  if (value === 'stale') out.writeBigUInt64LE(staleBits, 1)
  else out.writeDoubleLE(value, 1)
  out[9] = 0x10
  return out.subarray(0, writeVarint(out, 10, timeMs))
}

/** Writes a field that has a length. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const out = Buffer.alloc(10)
  return out.subarray(0, writeVarint(out, 0, value))
}
