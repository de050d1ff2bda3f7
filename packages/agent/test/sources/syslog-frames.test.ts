import { test } from 'tap'
import { cutSyslogFrames } from '../../src/sources/syslog-frames.ts'

/** Cuts a text that arrives in pieces of `pieceBytes`. */
async function cut(text: string, pieceBytes: number, messageBytesMax = 20): Promise<string[]> {
  async function* pieces() {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  const found: string[] = []
  for await (const frame of cutSyslogFrames(pieces(), messageBytesMax)) {
    found.push(frame.kind === 'message' ? frame.bytes.toString() : `too long: ${frame.byteLength}`)
  }
  return found
}

test('cutSyslogFrames cuts by counts, by line feeds and by both, whatever the pieces', async t => {
  const text = '5 <1>ab7 <1>\ncd\n<1>line one\n<1>two\n\n6 <1>abc<1>last'
  const wanted = ['<1>ab', '<1>\ncd\n', '<1>line one', '<1>two', '<1>abc', '<1>last']
  for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++) {
    t.strictSame(await cut(text, pieceBytes), wanted, `${pieceBytes} bytes at a time`)
  }
})

test('cutSyslogFrames tells of messages that are too long, keeps none of them, and goes on', async t => {
  const long = 'x'.repeat(30)
  const text = `<1>a\n${long}\n33 <1>${long}<1>b\n5 <1>cd`
  for (const pieceBytes of [1, 2, 3, 7, 19, 20, 21, 40, 1000]) {
    const found = await cut(text, pieceBytes)
    t.strictSame(found, ['<1>a', 'too long: 30', 'too long: 33', '<1>b', '<1>cd'], `${pieceBytes}`)
  }
  t.strictSame(await cut(long, 4), ['too long: 30'], 'a line without end')
})

test('cutSyslogFrames gives what a cut connection ends with', async t => {
  t.strictSame(await cut('10 <1>half', 3), ['<1>half'])
  t.strictSame(
    await cut('1234567890123 words\n', 5),
    ['1234567890123 words'],
    'digits that are no count',
  )
})
