import { test } from 'tap'
import { DockerFrames } from '../../src/tail/docker-frames.ts'

function frame(kind: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = kind
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

const read = (frames: DockerFrames, part: Buffer) =>
  [...frames.push(part)].map(({ stream, bytes }) => `${stream} ${bytes.toString()}`)

test('DockerFrames joins frames across any chunk boundaries', async t => {
  // Kind 0 is the container's input, kind 3 is a message from Docker itself.
  const bytes = Buffer.concat([frame(1, 'öne\n'), frame(0, 'in'), frame(2, ''), frame(2, 'two\n')])
  const want = ['stdout öne\n', 'stderr ', 'stderr two\n']
  for (let cut = 0; cut <= bytes.length; cut++) {
    const frames = new DockerFrames(false)
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)]
    t.same(
      parts.flatMap(part => read(frames, part)),
      want,
      `cut at ${cut}`,
    )
  }
})

test('DockerFrames reads lines from a terminal, across any chunk boundaries', async t => {
  const bytes = Buffer.from('a\r\nbc\n\nrest')
  for (let cut = 0; cut <= bytes.length; cut++) {
    const frames = new DockerFrames(true)
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)]
    const found = parts.flatMap(part => read(frames, part))
    t.same(found, ['stdout a\r\n', 'stdout bc\n', 'stdout \n'], `cut at ${cut}`)
  }
})

test('DockerFrames rejects streams without frames, and overlong frames', async t => {
  t.throws(() => read(new DockerFrames(false), Buffer.from('plain text')), {
    name: 'RangeError',
    message: /no frame where one must start/,
  })
  const header = frame(1, '')
  header.writeUInt32BE(0xffffffff, 4)
  t.throws(() => read(new DockerFrames(false), header), { message: /longer than 4194304/ })
  const endless = new DockerFrames(true)
  t.throws(
    () => {
      for (let i = 0; i < 6; i++) read(endless, Buffer.alloc(1024 * 1024, 'x'))
    },
    { message: /longer than 4194304/ },
  )
})
