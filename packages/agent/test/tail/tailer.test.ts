import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { deflateSync, gzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import { GzipContent } from '../../src/tail/gzip-content.ts'
import {
  configText,
  lines,
  type Receiver,
  startReceiver,
  startTestAgent,
  text,
} from '../harness.ts'

const received = (receiver: Receiver) => receiver.entries.map(({ line }) => line)

/** Runs an agent until it has read everything, then stops it. */
async function readOnce(t: Test, config: string, isRead: () => boolean, receiver: Receiver) {
  const agent = await startTestAgent(t, config)
  await receiver.until(isRead)
  await agent.stop()
}

test('Agent sends an unfinished last line of a compressed file', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 2)) })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  await readOnce(t, config, () => receiver.entries.length === 2, receiver)
  writeFileSync(`${directory}/a.log.1.gz`, gzipSync(`${text(lines('n', 1, 3))}n 4`))
  rmSync(`${directory}/a.log`)
  writeFileSync(`${directory}/a.log`, 'n 5\n')
  const agent = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 5)
  t.strictSame(received(receiver).sort(), lines('n', 1, 5))
  await agent.stop()
})

test('Agent continues after a damaged compressed file', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 2)) })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  await readOnce(t, config, () => receiver.entries.length === 2, receiver)
  const compressed = gzipSync(text(lines('n', 1, 3)))
  writeFileSync(`${directory}/a.log.1.gz`, compressed.subarray(0, compressed.length - 8))
  rmSync(`${directory}/a.log`)
  writeFileSync(`${directory}/a.log`, 'n 4\n')
  const agent = await startTestAgent(t, config)
  await receiver.until(() => received(receiver).includes('n 4'))
  t.strictSame(received(receiver), lines('n', 1, 4))
  await agent.stop()
})

test('Agent sends nothing twice if a directory was missing at its start', async t => {
  const root = t.testdir({ logs: { 'a.log': text(lines('n', 1, 3)) } })
  const receiver = await startReceiver(t)
  const config = configText({ directory: root, url: receiver.url }).replace('/*.log', '/logs/*.log')
  await readOnce(t, config, () => receiver.entries.length === 3, receiver)
  renameSync(`${root}/logs`, `${root}/away`)
  const second = await startTestAgent(t, config)
  await second.firstSync
  await second.stop()
  renameSync(`${root}/away`, `${root}/logs`)
  writeFileSync(`${root}/logs/b.log`, 'n 4\n')
  const third = await startTestAgent(t, config)
  await receiver.until(() => received(receiver).includes('n 4'))
  writeFileSync(`${root}/logs/a.log`, 'n 5\n', { flag: 'a' })
  await receiver.until(() => received(receiver).includes('n 5'))
  t.strictSame(received(receiver).sort(), lines('n', 1, 5))
  await third.stop()
})

test('Agent distinguishes compressed files that start alike', async t => {
  const banner = `${'banner '.repeat(200)}\n`
  const directory = t.testdir({ 'a.log': banner + text(lines('old', 1, 9)) })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  await readOnce(t, config, () => receiver.entries.length === 10, receiver)
  // Compressed by name, so that the wrong one comes first in the directory.
  writeFileSync(`${directory}/a.log.1.gz`, gzipSync(banner + text(lines('other', 1, 20))))
  writeFileSync(`${directory}/a.log.2.gz`, gzipSync(banner + text(lines('old', 1, 12))))
  rmSync(`${directory}/a.log`)
  writeFileSync(`${directory}/a.log`, 'new\n')
  const agent = await startTestAgent(t, config)
  await receiver.until(() => received(receiver).includes('new'))
  t.strictSame(received(receiver).slice(10, 13), lines('old', 10, 12))
  t.equal(received(receiver).filter(line => line.startsWith('old')).length, 12)
  await agent.stop()
})

test('Agent leaves dangling links alone in a job with decompression', async t => {
  const directory = t.testdir()
  mkdirSync(`${directory}/directory.log`)
  symlinkSync('loop.log', `${directory}/loop.log`)
  symlinkSync('nowhere', `${directory}/dangling.log`)
  writeFileSync(`${directory}/a.log`, gzipSync('x\n'))
  const receiver = await startReceiver(t)
  const job = '    decompression: {enabled: true, format: gz}'
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  await receiver.until(() => receiver.entries.length === 1)
  t.strictSame(received(receiver), ['x'])
  await agent.stop()
})

test('GzipContent reports an unreadable file', async t => {
  const path = `${t.testdir({ 'a.gz': gzipSync('x\n') })}/a.gz`
  const fd = openSync(path, 'r')
  closeSync(fd)
  await t.rejects(new GzipContent(fd, () => {}).read(Buffer.alloc(10), 0), { code: 'EBADF' })
})

test('Agent sends the last line in a wide encoding, whatever its bytes are', async t => {
  const directory = t.testdir()
  const path = `${directory}/a.log`
  writeFileSync(path, Buffer.from('\ufeffone\n\u010a\u0a0a', 'utf16le'))
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url, job: '    encoding: UTF-16' })
  const agent = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 1)
  renameSync(path, `${path}.1`)
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(received(receiver), ['one', '\u010a\u0a0a'])
  await agent.stop()
})

test('Agent removes carriage returns at line ends, and a byte order mark', async t => {
  const receiver = await startReceiver(t)
  const directory = t.testdir({
    'bom.log': '\ufeff{"a":1}\r\nb\rb\r\n\r\n',
    'last.log': '\ufefflast',
  })
  const job = '    pipeline_stages: [{json: {expressions: {a: }}}, {labels: {a: }}]\n'
  await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  await receiver.until(() => receiver.entries.length >= 3)
  renameSync(`${directory}/last.log`, `${directory}/gone`)
  await receiver.until(() => receiver.entries.length >= 4)
  const lines = receiver.entries.map(({ line }) => line)
  t.strictSame(lines, ['{"a":1}', 'b\rb', '', 'last'])
  t.match(receiver.entries[0]?.labels, /a="1"/)
})

test('Agent removes byte order marks and carriage returns in any encoding and form of a file', async t => {
  const utf16 = Buffer.from('\ufeffone\r\ntwo\r\n', 'utf16le')
  const cases = [
    ['encoding: UTF-16', utf16],
    ['encoding: UTF-16', Buffer.from(utf16).swap16()],
    ['encoding: UTF-8', Buffer.from('\ufeffone\r\ntwo\r\n')],
    ['encoding: windows-1252', Buffer.from('one\r\ntwo\r\n')],
    ['decompression: {enabled: true, format: gz}', gzipSync('\ufeffone\r\ntwo\r\n')],
  ] as const
  for (const [job, content] of cases) {
    const receiver = await startReceiver(t)
    const directory = t.testdir({ 'a.log': content })
    const config = configText({ directory, url: receiver.url, job: `    ${job}\n` })
    const agent = await startTestAgent(t, config)
    await receiver.until(() => receiver.entries.length >= 2)
    t.strictSame(
      receiver.entries.map(({ line }) => line),
      ['one', 'two'],
      job,
    )
    // The next directory has the same name, and so would the positions that this one still writes.
    await agent.stop()
  }
})

test('Agent reads uncompressed files as logs, whatever the format of the others', async t => {
  const plain = ['plain 1', 'x_ begins as zlib does, but for the sum', 'BZ is not yet bzip2']
  for (const format of ['z', 'bz2']) {
    const directory = t.testdir({ [format]: {} })
    for (const [i, line] of plain.entries()) {
      writeFileSync(`${directory}/${format}/${i}.log`, `${line}\n`)
    }
    if (format === 'z') writeFileSync(`${directory}/z/old.log`, deflateSync('zipped\n'))
    const receiver = await startReceiver(t)
    const job = `    decompression: {enabled: true, format: ${format}}\n`
    await startTestAgent(
      t,
      configText({ directory: `${directory}/${format}`, url: receiver.url, job }),
    )
    const want = [...plain]
    if (format === 'z') want.push('zipped')
    await receiver.until(() => receiver.entries.length >= want.length)
    t.same(received(receiver).toSorted(), want.toSorted(), format)
  }
})

test('Agent reads uncompressed files as logs alongside compressed ones', async t => {
  const directory = t.testdir({ 'app.log': text(lines('new', 1, 3)), 'empty.log': '' })
  const older = `${directory}/app.log.1.gz`
  writeFileSync(older, gzipSync(text(lines('old', 1, 3))))
  const receiver = await startReceiver(t)
  const job = '    decompression: {enabled: true, format: gz}\n'
  const config = configText({ directory, url: receiver.url, job }).replace('*.log', '*.log*')
  const want = [...lines('new', 1, 3), ...lines('old', 1, 3)]
  const check = async (more: readonly string[]) => {
    want.push(...more)
    await receiver.until(() => receiver.entries.length >= want.length)
    await sleep(500)
    t.strictSame(received(receiver).toSorted(), want.toSorted())
  }
  const agent = await startTestAgent(t, config)
  await check([])
  writeFileSync(`${directory}/app.log`, text(lines('more', 1, 3)), { flag: 'a' })
  writeFileSync(`${directory}/empty.log`, 'first\n')
  await check([...lines('more', 1, 3), 'first'])
  // A log is compressed after it was read: while the agent runs, and while it is down.
  renameSync(older, `${directory}/app.log.2.gz`)
  const rotate = (content: string) => {
    renameSync(`${directory}/app.log`, `${directory}/app.log.1`)
    writeFileSync(`${directory}/app.log`, content)
  }
  const compressRotated = () => {
    writeFileSync(older, gzipSync(readFileSync(`${directory}/app.log.1`)))
    rmSync(`${directory}/app.log.1`)
  }
  rotate(text(['second']))
  await check(['second'])
  compressRotated()
  await check([])
  await agent.stop()
  renameSync(older, `${directory}/app.log.3.gz`)
  rotate(text(['third']))
  compressRotated()
  await startTestAgent(t, config)
  await check(['third'])
})
