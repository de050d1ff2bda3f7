// Files in trouble: replaced with things that are not files, unreadable, in loops, too long, never
// finished. And positions that cannot be right.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { deflateSync, gzipSync } from 'node:zlib'
import { t as root, type Test, test } from 'tap'
import { cleanEnv, skaldCommand } from '../../../../test/skald-command.ts'
import { PositionsError } from '../../src/index.ts'
import { loadPositions } from '../../src/tail/positions.ts'
import {
  configText,
  fullDisk,
  lines,
  makeRoom,
  type Receiver,
  skipFullDisk,
  spawnAgent,
  startReceiver,
  startTestAgent,
  text,
  waitFor,
} from '../harness.ts'
import { bzip2Sync } from './bzip2.ts'

// For the whole file.
root.setTimeout(150_000)

const received = (receiver: Receiver) => receiver.entries.map(({ line }) => line)

async function start(
  t: Test,
  directory: string,
  more: Partial<Parameters<typeof configText>[0]> = {},
) {
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, ...more }))
  return { receiver, agent }
}

test('Tailer survives a file replaced by a FIFO, a device, a socket, a directory', async t => {
  const directory = t.testdir({ 'a.log': 'first\n', 'b.log': 'b\n' })
  const { receiver } = await start(t, directory)
  const path = `${directory}/a.log`
  await receiver.until(() => receiver.entries.length === 2)
  const socket = createServer()
  t.teardown(() => socket.close())
  const replacements: [string, () => unknown][] = [
    ['a FIFO', () => execFileSync('mkfifo', [path])],
    ['a link to a device', () => symlinkSync('/dev/zero', path)],
    ['a directory', () => mkdirSync(path)],
    ['a link to itself', () => symlinkSync('a.log', path)],
    // The system allows 107 bytes for the name of a socket.
    [
      'a link to a socket',
      async () => {
        const place = join(mkdtempSync(join(tmpdir(), 'skald-')), 's')
        socket.listen(place)
        await once(socket, 'listening')
        symlinkSync(place, path)
      },
    ],
  ]
  for (const [i, [name, replace]] of replacements.entries()) {
    appendFileSync(path, `last before ${name}\n`)
    renameSync(path, `${path}.${i}`)
    await replace()
    await sleep(400)
    rmSync(path, { recursive: true })
    writeFileSync(path, `after ${name}\n`)
    await receiver.until(() => received(receiver).includes(`after ${name}`))
    t.ok(received(receiver).includes(`last before ${name}`), name)
  }
  appendFileSync(`${directory}/b.log`, 'b goes on\n')
  await receiver.until(() => received(receiver).includes('b goes on'))
  t.equal(receiver.entries.length, 2 + 2 * replacements.length + 1, 'each line once')
})

test('Tailer finds files behind loops of links once, in one search', async t => {
  const directory = t.testdir({ tree: { one: { 'a.log': 'a\n' } } })
  symlinkSync('..', `${directory}/tree/one/up`)
  symlinkSync('.', `${directory}/tree/one/self`)
  symlinkSync('two', `${directory}/tree/three`)
  symlinkSync('three', `${directory}/tree/two`)
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url }).replace('/*.log"', '/**/*.log"')
  const startedMs = performance.now()
  const agent = await startTestAgent(t, config)
  await agent.firstSync
  t.ok(performance.now() - startedMs < 3_000)
  await receiver.until(() => receiver.entries.length > 0)
  await sleep(500)
  t.strictSame(received(receiver), ['a'])
})

test('Tailer reads 1,000 files, and what is added to any of them', async t => {
  const names = Array.from({ length: 1_000 }, (_, i) => `f${i}.log`)
  const directory = t.testdir(Object.fromEntries(names.map(name => [name, `${name} 1\n`])))
  const { receiver, agent } = await start(t, directory)
  await receiver.until(() => receiver.entries.length === 1_000)
  t.equal(agent.files().length, 1_000)
  for (const name of names) appendFileSync(`${directory}/${name}`, `${name} 2\n`)
  await receiver.until(() => receiver.entries.length === 2_000)
  const rotated = names.slice(0, 250)
  for (const name of rotated) {
    renameSync(`${directory}/${name}`, `${directory}/${name}.1`)
    writeFileSync(`${directory}/${name}`, `${name} 3\n`)
  }
  await receiver.until(() => receiver.entries.length === 2_250)
  t.equal(new Set(received(receiver)).size, 2_250)
  for (const name of names) rmSync(`${directory}/${name}`)
  await waitFor(() => agent.files().length === 0)
})

test('Tailer finds what no event tells of, as on network file systems', async t => {
  const directory = t.testdir({ 'a.log': '1\n', elsewhere: {} })
  const { receiver } = await start(t, directory)
  await receiver.until(() => receiver.entries.length === 1)
  // Written under another name in another directory: a watch on the first one reports nothing.
  linkSync(`${directory}/a.log`, `${directory}/elsewhere/b`)
  for (let i = 2; i <= 4; i++) {
    const startedMs = performance.now()
    appendFileSync(`${directory}/elsewhere/b`, `${i}\n`)
    await receiver.until(() => receiver.entries.length === i)
    t.ok(
      performance.now() - startedMs < 6_000,
      `after ${Math.round(performance.now() - startedMs)} ms`,
    )
  }
})

test('Tailer sends lines of 10 MB and more whole, with their neighbours', async t => {
  const long = (letter: string) => letter.repeat(10 * 1024 * 1024)
  const all = ['before', long('a'), 'between', long('b'), long('c'), 'after']
  const directory = t.testdir({ 'a.log': text(all.slice(0, 3)) })
  const { receiver, agent } = await start(t, directory)
  await receiver.until(() => receiver.entries.length === 3)
  appendFileSync(`${directory}/a.log`, all[3]!.slice(0, 5_000_000))
  await sleep(300)
  appendFileSync(`${directory}/a.log`, `${all[3]!.slice(5_000_000)}\n${text(all.slice(4))}`)
  await receiver.until(() => receiver.entries.length === 6)
  t.ok(
    received(receiver).every((line, i) => line === all[i]),
    'every line as it was written',
  )
  await agent.stop()
})

test('Tailer skips a line that never ends at 64 MiB, counts it, and goes on', async t => {
  const directory = t.testdir({ 'a.log': 'before\n' })
  const { receiver, agent } = await start(t, directory)
  const piece = Buffer.alloc(16 * 1024 * 1024, 'x')
  for (let i = 0; i < 5; i++) appendFileSync(`${directory}/a.log`, piece)
  appendFileSync(`${directory}/a.log`, '\nafter\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(received(receiver), ['before', 'after'])
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /logentry_dropped_lines_total\{reason="line_too_long"\} 1\n/)
})

const part = (tag: string, words: string, stream = 'stdout') =>
  `2024-05-01T10:00:00.000000001Z ${stream} ${tag} ${words}\n`

test('CRI parts that no last part follows are sent, when the file ends and while it stays', async t => {
  const directory = t.testdir({ '0.log': part('P', 'never ') + part('P', 'ended') })
  const { receiver } = await start(t, directory, { job: '    pipeline_stages: [{cri: {}}]' })
  const startedMs = performance.now()
  await receiver.until(() => receiver.entries.length === 1)
  t.ok(performance.now() - startedMs < 15_000, 'after ten seconds without a further part')
  appendFileSync(`${directory}/0.log`, part('P', 'cut short'))
  await sleep(500)
  rmSync(`${directory}/0.log`)
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(received(receiver), ['never ended', 'cut short'])
})

test('CRI parts that go on without end are sent in pieces of bounded size', async t => {
  const directory = t.testdir({ '0.log': '' })
  const { receiver } = await start(t, directory, { job: '    pipeline_stages: [{cri: {}}]' })
  const words = 'w'.repeat(16_000)
  const before = process.memoryUsage().rss
  for (let i = 0; i < 50; i++) {
    appendFileSync(`${directory}/0.log`, part('P', words).repeat(100))
    await sleep(20)
  }
  appendFileSync(`${directory}/0.log`, part('F', 'end') + part('F', 'next'))
  await receiver.until(() => received(receiver).includes('next'))
  const joined = received(receiver).slice(0, -1)
  t.equal(joined.join(''), `${words.repeat(5_000)}end`, 'all of it, in order')
  t.ok(
    joined.every(line => line.length <= 17 * 1024 * 1024),
    joined.map(({ length }) => length).join(),
  )
  t.ok(process.memoryUsage().rss - before < 900_000_000)
})

for (const [encoding, mark, bytes] of [
  ['UTF-16LE', '', (words: string) => Buffer.from(words, 'utf16le')],
  ['UTF-16BE', '', (words: string) => Buffer.from(words, 'utf16le').swap16()],
  ['UTF-16', '\ufeff', (words: string) => Buffer.from(words, 'utf16le')],
  ['UTF-16', '\ufeff', (words: string) => Buffer.from(words, 'utf16le').swap16()],
] as const) {
  test(`Tailer reads ${encoding} in pieces, across a rotation and a restart`, async t => {
    const directory = t.testdir({})
    // U+0A0A contains the bytes of line feeds on both sides; U+1F600 takes two units.
    const all = Array.from({ length: 3_000 }, (_, i) => `zeile ${i} \u0a0a\u000b\u{1f600} ende`)
    const path = `${directory}/a.log`
    writeFileSync(path, bytes(mark + text(all.slice(0, 1_000))))
    const job = `    encoding: ${encoding}`
    const { receiver, agent } = await start(t, directory, { job })
    await receiver.until(() => receiver.entries.length === 1_000)
    const more = bytes(text(all.slice(1_000, 2_000)))
    // Cut inside a unit.
    appendFileSync(path, more.subarray(0, 5_001))
    await sleep(200)
    appendFileSync(path, more.subarray(5_001))
    await receiver.until(() => receiver.entries.length === 2_000)
    await agent.stop()
    appendFileSync(path, bytes(text(all.slice(2_000, 2_500))))
    renameSync(path, `${path}.1`)
    writeFileSync(path, bytes(mark + text(all.slice(2_500))))
    await startTestAgent(t, configText({ directory, url: receiver.url, job }))
    await receiver.until(() => receiver.entries.length === 3_000)
    t.strictSame(received(receiver), all)
  })
}

const hasBzip2 = spawnSync('bzip2', ['--version']).status === 0

for (const [format, pack] of [
  ['gz', gzipSync],
  ['z', deflateSync],
  ['bz2', bzip2Sync],
] as const) {
  const skip = format === 'bz2' && !hasBzip2 ? 'no bzip2(1)' : false
  test(`Tailer reads ${format} files, continues after a restart, and survives damage`, {
    skip,
  }, async t => {
    const directory = t.testdir({})
    const all = lines('packed', 1, 60_000)
    writeFileSync(`${directory}/a.log`, pack(Buffer.from(text(all))))
    writeFileSync(`${directory}/damaged.log`, pack(Buffer.from(text(all))).subarray(0, 3_000))
    writeFileSync(`${directory}/garbage.log`, 'this is not compressed\n')
    writeFileSync(`${directory}/empty.log`, '')
    const job = `    decompression: {enabled: true, format: ${format}}`
    const { receiver, agent } = await start(t, directory, { job })
    const ofA = () => receiver.entries.filter(({ labels }) => labels.includes('/a.log'))
    await receiver.until(() => ofA().length === all.length)
    t.strictSame(
      ofA().map(({ line }) => line),
      all,
    )
    await agent.stop()
    const ofDamaged = receiver.entries.filter(({ labels }) => labels.includes('/damaged.log'))
    t.strictSame(
      ofDamaged.map(({ line }) => line),
      all.slice(0, ofDamaged.length),
      'whole lines of what can be read',
    )
    const before = receiver.entries.length
    writeFileSync(`${directory}/b.log`, pack(Buffer.from('later\n')))
    await startTestAgent(t, configText({ directory, url: receiver.url, job }))
    await receiver.until(() => received(receiver).includes('later'))
    await sleep(300)
    const again = receiver.entries.slice(before).filter(({ labels }) => labels.includes('/a.log'))
    t.equal(again.length, 0, 'nothing comes twice')
  })
}

test('Tailer loses nothing of a copytruncate that it sees in time, over many of them', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const path = `${directory}/a.log`
  const { receiver } = await start(t, directory)
  let written = 0
  for (let round = 0; round < 15; round++) {
    for (let i = 0; i < 20; i++) {
      appendFileSync(path, text(lines('n', written + 1, written + 50)))
      written += 50
      await sleep(2)
    }
    await receiver.until(() => receiver.entries.length === written)
    execFileSync('cp', [path, `${path}.1`])
    truncateSync(path)
    // Written at once: at the next check the file is as long as before, or longer.
    appendFileSync(path, text(lines('n', written + 1, written + (round % 3) * 700 + 1)))
    written += (round % 3) * 700 + 1
    await receiver.until(() => receiver.entries.length === written)
  }
  t.strictSame(received(receiver), lines('n', 1, written))
})

test('Tailer goes on at once when a search came between the two steps of a rotation', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  await startTestAgent(t, config.replace('sync_period: 200ms', 'sync_period: 1h'))
  await receiver.until(() => receiver.entries.length === 1)
  renameSync(`${directory}/a.log`, `${directory}/a.log.1`)
  // A new path triggers a search, which does not find the old one.
  writeFileSync(`${directory}/b.log`, 'b\n')
  await receiver.until(() => receiver.entries.length === 2)
  // Long enough for the rotated file to be released.
  await sleep(7_000)
  writeFileSync(`${directory}/a.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 3)
  t.equal(receiver.entries[2]?.line, '2')
})

test('Tailer tells a file from another with its inode number', async t => {
  const directory = t.testdir({ 'a.log': text(lines('old', 1, 20)) })
  const path = `${directory}/a.log`
  const first = await start(t, directory)
  await first.receiver.until(() => first.receiver.entries.length === 20)
  await first.agent.stop()
  // What a file system that reuses inode numbers leaves: same place, same number, other content.
  const positions = readFileSync(`${directory}/positions.yaml`, 'utf8')
  rmSync(path)
  writeFileSync(path, text(lines('new', 1, 30)))
  const ino = execFileSync('stat', ['-c', '%i', path], { encoding: 'utf8' }).trim()
  writeFileSync(`${directory}/positions.yaml`, positions.replace(/"ino":"\d+"/, `"ino":"${ino}"`))
  const { receiver } = await start(t, directory)
  await receiver.until(() => receiver.entries.length >= 30)
  t.strictSame(received(receiver), lines('new', 1, 30))
})

test('A full disk stops no line, truncates no positions, and is forgotten when there is room', {
  skip: skipFullDisk,
}, async t => {
  const directory = t.testdir({ 'a.log': 'a 1\n' })
  const receiver = await startReceiver(t)
  const config = `${directory}/agent.yaml`
  writeFileSync(config, configText({ directory, url: receiver.url }))
  const agent = await spawnAgent(t, config, { wrap: fullDisk })
  let logged = ''
  agent.stderr!.on('data', chunk => {
    logged += chunk
  })
  await receiver.until(() => receiver.entries.length === 1)
  const positions = `${directory}/positions.yaml`
  await waitFor(() => existsSync(positions) && readFileSync(positions, 'utf8').includes('a.log'))

  const names = Array.from({ length: 40 }, (_, i) => `${'long'.repeat(20)}-${i}.log`)
  const append = (from: number) => {
    for (const name of names) appendFileSync(`${directory}/${name}`, text(lines('n', from, from)))
  }
  append(1)
  await receiver.until(() => receiver.entries.length === 41)
  await waitFor(() => logged.includes('Cannot write positions file'))
  const kept = readFileSync(positions, 'utf8')
  append(2)
  await receiver.until(() => receiver.entries.length === 81)
  t.match(logged, 'Cannot write the times journal')
  t.equal(readFileSync(positions, 'utf8'), kept, 'as it was when there was room')
  // Some of the 41 files may have been read before a sync that still had room.
  const count = loadPositions(positions).records.length
  t.ok(count >= 1 && count < 41, `${count} records are intact`)
  t.notOk(existsSync(`${positions}.new`))

  makeRoom(agent)
  append(3)
  await receiver.until(() => receiver.entries.length === 121)
  await waitFor(() => logged.includes('Positions file can be written again'))
  t.match(logged, 'The times journal can be written again')
  agent.kill('SIGKILL')
  await once(agent, 'exit')
  await spawnAgent(t, config)
  append(4)
  // The last accepted lines may not be in the positions yet, and come again with the same time.
  const distinct = () => {
    const { entries } = receiver
    return new Set(entries.map(entry => `${entry.labels} ${entry.timestampNs} ${entry.line}`)).size
  }
  await receiver.until(() => distinct() >= 161)
  t.equal(distinct(), 161)
})

test('Positions that are a directory or unreadable stop the agent with a clear message', async t => {
  const directory = t.testdir({ 'a.log': 'x\n', 'positions.yaml': {} })
  const config = configText({ directory, url: 'http://127.0.0.1:1/' })
  await t.rejects(startTestAgent(t, config), PositionsError)
  await t.rejects(startTestAgent(t, config), { message: /Cannot read positions file .*EISDIR/ })
})

test('Damaged positions are set aside, and the agent continues from the intact parts', async t => {
  const directory = t.testdir({ 'a.log': text(lines('a', 1, 3)), 'b.log': text(lines('b', 1, 3)) })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  const path = `${directory}/positions.yaml`
  const first = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 6)
  await first.stop()
  const asides = () => readdirSync(directory).filter(name => name.includes('.damaged-'))
  const damages: ((whole: string) => string)[] = [
    whole => `\u0000\u0001: [${whole}`,
    whole => whole.replace('positions:', '{['),
    whole => whole.replace(/(a\.log": "\d+)"/, '$1'),
  ]
  for (const [n, damage] of damages.entries()) {
    writeFileSync(path, damage(readFileSync(path, 'utf8')))
    appendFileSync(`${directory}/a.log`, `a ${4 + n}\n`)
    const agent = await startTestAgent(t, config)
    await receiver.until(() => receiver.entries.some(({ line }) => line === `a ${4 + n}`))
    await agent.stop()
    t.equal(asides().length, n + 1, 'what was there is kept')
    t.match(readFileSync(path, 'utf8'), /^positions:\n/)
  }
  const ofA = receiver.entries.filter(({ line }) => line.startsWith('a')).map(({ line }) => line)
  t.strictSame(ofA, lines('a', 1, 6), 'no line is lost, none comes twice')
})

test('Damaged positions are set aside if the configuration says so', async t => {
  const directory = t.testdir({ 'a.log': 'x\n', 'positions.yaml': 'positions:\n  "/a": "1' })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  await startTestAgent(
    t,
    config.replace('sync_period: 100ms', 'sync_period: 100ms, ignore_invalid_yaml: true'),
  )
  await receiver.until(() => receiver.entries.length === 1)
})

test('Positions that are empty, of other files, or past the end lose no line', async t => {
  const far = Date.UTC(2090, 0) * 1
  for (const content of [
    '',
    '\n',
    'positions:\n',
    'positions: {}\n',
    'positions:\n  DIR/a.log: "99999999"\n',
    'positions:\n  DIR/a.log: "-5"\n',
    'positions:\n  DIR/a.log: "many"\n',
    `positions: {}\n# searched ${far}\n`,
    'positions: {}\n# file {"id":"x"}\n# file {torn\n',
  ]) {
    const directory = t.testdir({ 'a.log': text(lines('n', 1, 3)) })
    writeFileSync(`${directory}/positions.yaml`, content.replaceAll('DIR', directory))
    // In the future, as after a wrong clock.
    utimesSync(`${directory}/a.log`, far / 1000, far / 1000)
    const { receiver, agent } = await start(t, directory)
    await Promise.race([receiver.until(() => receiver.entries.length === 3), sleep(5_000)])
    t.strictSame(received(receiver), lines('n', 1, 3), JSON.stringify(content))
    await agent.stop()
  }
})

const isRoot = process.getuid?.() === 0
const skipUser = isRoot ? false : 'only root can start a process of another user'

test('Tailer leaves unreadable files and directories alone until they become readable', {
  skip: skipUser,
}, async t => {
  // A directory that everybody may enter: the project's own may be closed to others.
  const directory = mkdtempSync(join(tmpdir(), 'skald-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  chmodSync(directory, 0o755)
  mkdirSync(`${directory}/logs/open`, { recursive: true })
  mkdirSync(`${directory}/logs/closed`)
  mkdirSync(`${directory}/state`)
  chownSync(`${directory}/state`, 65_534, 65_534)
  writeFileSync(`${directory}/logs/open/a.log`, 'a\n')
  writeFileSync(`${directory}/logs/open/secret.log`, 'secret\n', { mode: 0o600 })
  writeFileSync(`${directory}/logs/closed/b.log`, 'b\n')
  chmodSync(`${directory}/logs/closed`, 0o700)
  const receiver = await startReceiver(t)
  const config = configText({ directory: `${directory}/state`, url: receiver.url })
  writeFileSync(
    `${directory}/agent.yaml`,
    config.replace(`${directory}/state/*.log`, `${directory}/logs/*/*.log`),
  )
  const child = spawn(skaldCommand, ['agent', `-config.file=${directory}/agent.yaml`], {
    ...{ uid: 65_534, gid: 65_534, stdio: ['ignore', 'ignore', 'pipe'] },
    env: { ...cleanEnv(), NODE_COMPILE_CACHE: undefined },
  })
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  child.stderr.on('data', chunk => {
    log += chunk
  })
  await receiver.until(() => receiver.entries.length === 1)
  await waitFor(() => /secret\.log.*EACCES/.test(log) && /closed.*EACCES/.test(log))
  // Time for a retry.
  await sleep(2_500)
  t.equal(log.match(/ path="?\S*secret\.log/g)?.length, 1, 'told once')
  chmodSync(`${directory}/logs/open/secret.log`, 0o644)
  chmodSync(`${directory}/logs/closed`, 0o755)
  await receiver.until(() => receiver.entries.length === 3)
  t.strictSame(received(receiver).toSorted(), ['a', 'b', 'secret'])
  t.equal(child.exitCode, null, 'and the agent runs on')
})
