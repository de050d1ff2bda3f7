import { test } from 'tap'
import { cursorTimeMs, parseJournalEntry } from '../../src/sources/journal-entry.ts'

const entry = (fields: object) =>
  parseJournalEntry(
    Buffer.from(
      JSON.stringify({ __CURSOR: 's=1;t=5c', __REALTIME_TIMESTAMP: '1772360430123456', ...fields }),
    ),
  )

test('parseJournalEntry reads strings, bytes, several values and none', async t => {
  const found = entry({
    MESSAGE: 'words',
    PRIORITY: '6',
    A: ['one', 'two'],
    B: null,
    __SEQNUM: '1',
  })
  t.equal(found.cursor, 's=1;t=5c')
  t.equal(found.timestampNs, 1_772_360_430_123_456_000n)
  t.equal(found.message, 'words')
  t.strictSame(
    [...found.fields],
    [
      ['MESSAGE', 'words'],
      ['PRIORITY', '6'],
      ['A', 'two'],
    ],
  )
  t.strictSame(entry({ MESSAGE: [104, 105, 255] }).message, Buffer.from([104, 105, 255]))
  t.strictSame(
    entry({
      MESSAGE: [
        [1, 2],
        [104, 105],
      ],
    }).message,
    Buffer.from('hi'),
  )
  t.equal(entry({ X: '1' }).message, undefined)
})

test('parseJournalEntry rejects what is not an entry', async t => {
  for (const text of ['', '{', '[]', '{}', 'null', '{"__CURSOR": 1}']) {
    t.throws(() => parseJournalEntry(Buffer.from(text)), text)
  }
})

test('cursorTimeMs reads the time of a cursor', async t => {
  t.equal(cursorTimeMs('s=ab;i=1;b=cd;m=5;t=64bf1c0a9b240;x=1'), Number(0x64bf1c0a9b240n / 1000n))
  t.equal(cursorTimeMs('nonsense'), undefined)
})
