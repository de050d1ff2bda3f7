import { test } from 'tap'
import { compareStreams, xxHash64 } from '../../src/leaf/stream-order.ts'

test('xxHash64 is XXH64 with seed 0', async t => {
  const f = (text: string, want: string) => t.equal(xxHash64(Buffer.from(text)).toString(16), want)
  f('', 'ef46db3751d8e999')
  f('a', 'd24ec4f1a98c6e5b')
  f('abc', '44bc2cf5ad770999')
  f('Nobody inspects the spammish repetition', 'fbcea83c8a378bf1')
})

test('compareStreams orders streams by their hash, like Loki', async t => {
  const streams = [
    '{app="dup", replica="1", service_name="dup"}',
    '{app="dup", replica="2", service_name="dup"}',
  ]
  t.same(streams.toSorted(compareStreams), streams.toReversed())
  t.equal(compareStreams(streams[0]!, streams[0]!), 0)
})
