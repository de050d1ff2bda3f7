import { formatRfc3339, parseRfc3339 } from '@skald/go-dialect'
import fc from 'fast-check'
import { test } from 'tap'
import { readRfc3339 } from '../../src/pipeline/rfc3339-bytes.ts'

function read(text: string): bigint | undefined {
  const out = { seconds: 0, nanos: 0 }
  const bytes = Buffer.from(`<${text}>`)
  if (!readRfc3339(bytes, 1, bytes.length - 1, out)) return undefined
  return BigInt(out.seconds) * 1_000_000_000n + BigInt(out.nanos)
}

test('readRfc3339 agrees with the parser for strings', async t => {
  const times = fc.bigInt({ min: -62_135_596_800_000_000_000n, max: 253_402_300_799_999_999_999n })
  fc.assert(fc.property(times, timestampNs => read(formatRfc3339(timestampNs)) === timestampNs))
  const f = (text: string) => t.equal(read(text), parseRfc3339(text), text)
  f('2024-03-05T12:20:30.123456789+02:00')
  f('2024-03-05T04:20:30.5-06:00')
  f('2024-02-29T00:00:00Z')
  f('2023-02-29T00:00:00Z')
  f('2024-03-05T10:20:60Z')
  f('2024-03-05')
  f('sometime, but long enough')
})
