import { test } from 'tap'
import { cutSyslogFrames } from '../src/syslog-frames.ts'

/** Splits a text that arrives in pieces of `pieceBytes`. */
async function cut(text: string, pieceBytes: number, messageBytesMax = 20): Promise<string[]> {
  async function* pieces() {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  const found: string[] = []
  for await (const frame of cutSyslogFrames(pieces(), messageBytesMax)) {
    found.push(
      frame.kind === 'tooLong'
        ? `too long: ${frame.byteLength}`
        : `${frame.kind === 'message' ? '' : 'continuation: '}${frame.bytes}`,
    )
  }
  return found
}

test('cutSyslogFrames splits by counts, by line feeds and by both, for any chunks', async t => {
  const text = '5 <1>ab7 <1>\ncd\n<1>line one\n<1>two\n\n6 <1>abc<1>last'
  const wanted = ['<1>ab', '<1>\ncd\n', '<1>line one', '<1>two', '<1>abc', '<1>last']
  for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++) {
    t.strictSame(await cut(text, pieceBytes), wanted, `${pieceBytes} bytes at a time`)
  }
})

test('cutSyslogFrames reports overlong messages, keeps none of them, and continues', async t => {
  const long = 'x'.repeat(30)
  const text = `<1>a\n${long}\n33 <1>${long}<1>b\n5 <1>cd`
  for (const pieceBytes of [1, 2, 3, 7, 19, 20, 21, 40, 1000]) {
    const found = await cut(text, pieceBytes)
    t.strictSame(found, ['<1>a', 'too long: 30', 'too long: 33', '<1>b', '<1>cd'], `${pieceBytes}`)
  }
  t.strictSame(await cut(long, 4), ['too long: 30'], 'a line without end')
})

test('cutSyslogFrames returns what a broken connection ends with', async t => {
  t.strictSame(await cut('10 <1>half', 3), ['<1>half'])
  t.strictSame(
    await cut('1234567890123 words\n', 5),
    ['1234567890123 words'],
    'digits that are no count',
  )
})

test('cutSyslogFrames adds lines that do not start like a message to the one before, for any chunks', async t => {
  const text = 'no message\n<1>one\n\tat a\n\n12 b\n<1>two\n 5 <x\n7 <1>\ncd\nafter\n<1>last\n\n\n'
  const wanted = [
    'no message',
    '<1>one\n\tat a\n\n12 b',
    '<1>two\n 5 <x',
    '<1>\ncd\n',
    'after',
    '<1>last',
  ]
  for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++) {
    t.strictSame(await cut(text, pieceBytes, 40), wanted, `${pieceBytes} bytes at a time`)
  }
  const long = `<1>one\n${'a'.repeat(9)}\n${'b'.repeat(10)}\nc\n<1>two\nd`
  for (const pieceBytes of [1, 4, 100]) {
    const cutOff = ['<1>one\naaaaaaaaa', 'too long: 10', 'too long: 1', '<1>two\nd']
    t.strictSame(await cut(long, pieceBytes), cutOff, 'what does not fit is told of')
  }
})

test('cutSyslogFrames passes a message on when nothing follows, and later lines separately', async t => {
  const found: string[] = []
  const hold: { go?: () => void } = {}
  const isSeen = new Promise<void>(resolve => (hold.go = resolve))
  async function* pieces() {
    yield Buffer.from('<1>one\na\n')
    await isSeen
    yield Buffer.from('late\n<1>two\n')
    throw new Error('reset')
  }
  const read = async () => {
    for await (const frame of cutSyslogFrames(pieces(), 100, 10)) {
      found.push(frame.kind === 'tooLong' ? 'too long' : `${frame.kind}: ${frame.bytes}`)
      hold.go?.()
    }
  }
  await t.rejects(read(), { message: 'reset' })
  t.strictSame(found, ['message: <1>one\na', 'continuation: late', 'message: <1>two'])
})
