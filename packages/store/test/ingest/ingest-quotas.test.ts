import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import { IngestQuotas } from '../../src/ingest/ingest-quotas.ts'
import { acceptedStream, midnightNs } from '../harness.ts'

const defaults = loadStoreConfig('', 'test.yaml').config.limits
const limits = { ...defaults, streamRateBytes: 100, streamBurstBytes: 1000 }

/** Opens quotas with a clock. `push` returns how many bytes of a line were let in. */
function open() {
  const clock = { ms: 1_000_000, now: () => clock.ms }
  const quotas = new IngestQuotas({ hasDefaultRates: false, clock })
  const push = (app: string, bytes: number) => {
    const stream = acceptedStream({ app }, [[midnightNs, 'x'.repeat(bytes)]])
    return quotas.admit('a', limits, [stream]).admitted.length * bytes
  }
  return { clock, quotas, push }
}

test('a stream may push its burst, and then its rate', t => {
  const { clock, push } = open()
  t.same([push('x', 1000), push('x', 1)], [1000, 0])
  clock.ms += 500
  t.same([push('x', 51), push('x', 50), push('x', 1)], [0, 50, 0])
  clock.ms += 3_600_000
  t.same([push('x', 1001), push('x', 1000)], [0, 1000])
  t.end()
})

test('a stream is forgotten when it may push its whole burst again', t => {
  const { clock, quotas, push } = open()
  for (let i = 0; i < 100; i++) push(`x${i}`, 500)
  t.equal(quotas.trackedStreams, 100)
  clock.ms += 4999
  t.equal(push('x0', 998), 998, 'nearly its whole burst')
  t.equal(quotas.trackedStreams, 100)
  clock.ms += 1
  t.equal(push('x0', 1), 1)
  t.equal(quotas.trackedStreams, 1, 'only the one that pushes')
  t.equal(push('x0', 101), 0, 'which is not forgotten')
  t.end()
})
