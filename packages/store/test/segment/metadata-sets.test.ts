import { createLabelSet } from '@skald/wire'
import fc from 'fast-check'
import { test } from 'tap'
import { encodeMetadataSets, StoredSets } from '../../src/segment/metadata-sets.ts'

// Few texts, so that sets share them, and names are values too.
const text = fc.oneof(
  fc.constantFrom('a', 'b', 'trace_id', 'ä', '\u{1f600}'),
  fc.string({ minLength: 1, unit: 'grapheme' }),
)
const set = fc.dictionary(text, text).map(createLabelSet)

test('metadata sets are the same after encoding and decoding, whole or one at a time', async t => {
  fc.assert(
    fc.property(fc.array(set), sets => {
      t.same(new StoredSets(encodeMetadataSets(sets)).sets, sets)
      const stored = new StoredSets(encodeMetadataSets(sets))
      t.same(
        sets.map((_, i) => stored.setAt(i)),
        sets,
      )
      t.same(
        [...stored.pairCounts()],
        sets.map(set => set.length),
      )
    }),
  )
})

test('sets are searched and measured without decoding them', async t => {
  fc.assert(
    fc.property(fc.array(set), text, text, (sets, name, value) => {
      const stored = new StoredSets(encodeMetadataSets(sets))
      t.equal(
        stored.hasName(name),
        sets.some(set => set.some(label => label.name === name)),
      )
      t.same(
        [...stored.setsWith(name, value)],
        sets.map(set => +set.some(label => label.name === name && label.value === value)),
      )
      t.same(
        [...stored.sizesBytes()],
        sets.map(set => Buffer.byteLength(set.map(label => label.name + label.value).join(''))),
      )
    }),
  )
})

test('bytes that are not a table of sets cause a RangeError', async t => {
  const bytes = encodeMetadataSets([createLabelSet({ a: 'b' })])
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => new StoredSets(bytes.subarray(0, length)), RangeError, `cut at ${length}`)
  }
  t.throws(() => new StoredSets(Buffer.from([0, 0xff, 0xff, 0xff, 0x0f])), RangeError)
  const unknownText = Buffer.from(bytes)
  unknownText[unknownText.length - 1] = 2
  t.throws(() => new StoredSets(unknownText), RangeError)
})
