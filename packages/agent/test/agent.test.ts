import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { gzipSync } from 'node:zlib'
import { test } from 'tap'
import {
  configText,
  lines,
  spawnAgent,
  startReceiver,
  startTestAgent,
  text,
  waitFor,
} from './harness.ts'

test('Agent sends lines with labels, and a file that is renamed is read to its end', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 3)) })
  const receiver = await startReceiver(t)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 3)
  renameSync(`${directory}/a.log`, `${directory}/a.log.1`)
  appendFileSync(`${directory}/a.log.1`, 'n 4\n')
  writeFileSync(`${directory}/a.log`, 'n 5\n')
  await receiver.until(() => receiver.entries.length === 5)
  appendFileSync(`${directory}/a.log.1`, 'late\n')
  await receiver.until(() => receiver.entries.length === 6)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    [...lines('n', 1, 5), 'late'],
  )
  t.strictSame(
    [...new Set(receiver.entries.map(({ labels }) => labels))],
    [`{filename="${directory}/a.log", job="test"}`],
  )
})

test('Agent reads a file once for each set of labels from the targets of a job', async t => {
  const directory = t.testdir({ 'a.log': '1\n', 'b.log': '1\n' })
  const receiver = await startReceiver(t)
  const target = (job: string, path: string) =>
    `      - {targets: [localhost], labels: {job: ${job}, __path__: "${directory}/${path}"}}\n`
  const config = configText({ directory, url: receiver.url }).replace(
    /static_configs:[\s\S]*/,
    `static_configs:\n${target('all', '*.log')}${target('a', 'a.log')}${target('all', 'a.*')}`,
  )
  const seen = () => receiver.entries.map(({ labels, line }) => `${labels} ${line}`).sort()
  const expected = (count: number) =>
    ['all', 'a', 'all']
      .flatMap((job, i) => {
        const path = `${directory}/${i === 2 ? 'b' : 'a'}.log`
        return lines('', 1, count).map(line => `{filename="${path}", job="${job}"} ${line.trim()}`)
      })
      .sort()
  const agent = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length >= 3)
  await agent.stop()
  t.strictSame(seen(), expected(1))
  for (const name of ['a', 'b']) appendFileSync(`${directory}/${name}.log`, '2\n')
  const again = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length >= 6)
  await again.stop()
  t.strictSame(seen(), expected(2), 'each goes on where it was')
})

test('Agent gives each line of one read a different time', async t => {
  const directory = t.testdir({ 'a.log': 'same\nsame\nsame\n' })
  const receiver = await startReceiver(t)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 3)
  const times = receiver.entries.map(({ timestampNs }) => timestampNs)
  t.equal(new Set(times).size, 3)
  t.strictSame(times, times.toSorted())
})

test('Agent stops within its time limit while no server answers', async t => {
  const directory = t.testdir({ 'a.log': 'x\n' })
  const receiver = await startReceiver(t)
  receiver.respond(503)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.refusals > 0)
  const startedMs = performance.now()
  await Promise.all([agent.stop(), agent.stop()])
  t.ok(performance.now() - startedMs < 10_000)
})

test('Agent sends again what the server had no time for', async t => {
  const directory = t.testdir({ 'a.log': '1\n2\n' })
  const receiver = await startReceiver(t)
  receiver.respond(408)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.refusals > 1)
  receiver.respond(204)
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['1', '2'],
  )
})

test('Agent drops what the server refuses for good, and goes on', async t => {
  const directory = t.testdir({ 'a.log': 'bad\n' })
  const receiver = await startReceiver(t)
  receiver.respond(400)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.refusals === 1)
  receiver.respond(204)
  appendFileSync(`${directory}/a.log`, 'good\n')
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]?.line, 'good')
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_dropped_entries_total\{[^}]*reason="ingester_error"[^}]*\} 1/)
})

test('Agent repeats the same times after it was killed', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 50)) })
  const receiver = await startReceiver(t)
  const config = `${directory}/agent.yaml`
  writeFileSync(config, configText({ directory, url: receiver.url }).replace('100ms', '1h'))
  const first = await spawnAgent(t, config)
  await receiver.until(() => receiver.entries.length === 50)
  first.kill('SIGKILL')
  await once(first, 'exit')
  // Simulates a crash before positions were saved: only the journal of times is left.
  rmSync(`${directory}/positions.yaml`, { force: true })
  await spawnAgent(t, config)
  await receiver.until(() => receiver.entries.length === 100)
  const key = ({ line, timestampNs }: { line: string; timestampNs: bigint }) =>
    `${timestampNs} ${line}`
  t.strictSame(receiver.entries.slice(50).map(key), receiver.entries.slice(0, 50).map(key))
})

test('Agent loses nothing when it is killed before the server answered', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const receiver = await startReceiver(t)
  receiver.respond(503)
  const config = `${directory}/agent.yaml`
  writeFileSync(config, configText({ directory, url: receiver.url }))
  const first = await spawnAgent(t, config)
  appendFileSync(`${directory}/a.log`, text(lines('n', 1, 20)))
  await receiver.until(() => receiver.refusals > 1)
  first.kill('SIGKILL')
  await once(first, 'exit')
  receiver.respond(204)
  await spawnAgent(t, config)
  await receiver.until(() => receiver.entries.length === 20)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    lines('n', 1, 20),
  )
})

test('Agent finds files again that were rotated and compressed while it was away', async t => {
  const cri = (from: number, to: number) =>
    lines('n', from, to).map((line, i) => `2024-05-01T10:00:00.${from + i + 100}Z stdout F ${line}`)
  const directory = t.testdir({ '0.log': text(cri(1, 50)) })
  const job = '    pipeline_stages: [{cri: {}}]'
  const receiver = await startReceiver(t)
  const first = await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  await receiver.until(() => receiver.entries.length === 50)
  await first.stop()
  const path = `${directory}/0.log`
  writeFileSync(`${path}.20240501-100000.gz`, gzipSync(text(cri(1, 60))))
  rmSync(path)
  writeFileSync(`${path}.20240501-100100`, text(cri(61, 70)))
  writeFileSync(path, text(cri(71, 80)))
  await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  await receiver.until(() => receiver.entries.length === 80)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    lines('n', 1, 80),
  )
})

test('Agent reads what was not read yet from the copy when a file is truncated', async t => {
  const directory = t.testdir({ 'a.log': text(lines('old', 1, 5)) })
  const receiver = await startReceiver(t)
  const first = await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 5)
  await first.stop()
  writeFileSync(`${directory}/a.log.1`, text(lines('old', 1, 9)))
  writeFileSync(`${directory}/a.log`, text(lines('new', 1, 30)))
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 39)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    [...lines('old', 1, 9), ...lines('new', 1, 30)],
  )
})

test('Agent continues when the next copytruncate overwrites the copy it is reading', async t => {
  const directory = t.testdir({ 'a.log': text(lines('sent', 1, 5)) })
  const path = `${directory}/a.log`
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 5)
  receiver.respond(503)
  // More than the agent keeps in memory, so that reading stops midway.
  const noise = () => randomBytes(750).toString('base64')
  const noisy = (prefix: string, count: number) =>
    text(Array.from({ length: count }, (_, i) => `${prefix} ${noise()} ${i}`))
  appendFileSync(path, noisy('first', 40_000))
  const sizeBytes = statSync(path).size
  await waitFor(() => (agent.files()[0]?.readOffset ?? 0) > 1_000_000)
  await waitFor(async () => {
    const before = agent.files()[0]?.readOffset
    await new Promise(resolve => setTimeout(resolve, 300))
    return agent.files()[0]?.readOffset === before
  })
  t.ok(agent.files()[0]!.readOffset < sizeBytes, 'reading stopped before the end')
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  appendFileSync(path, noisy('second', 20_000))
  await waitFor(() => agent.files()[0]?.readOffset === 0)
  // Same name again: the copy's file stays, with other content.
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  appendFileSync(path, text(lines('third', 1, 20)))
  receiver.respond(204)
  await receiver.until(() => receiver.entries.some(({ line }) => line === 'third 20'))
  const found = receiver.entries.map(({ line }) => line)
  t.ok(
    found.every(line => /^(sent|first \S{1000}|second \S{1000}|third) \d+$/.test(line)),
    'no line is torn',
  )
  t.equal(new Set(found).size, found.length, 'and none came twice')
})

test('Agent reads a file that several jobs match only once, if configured', async t => {
  const directory = t.testdir({ 'a.log': 'x\n' })
  const receiver = await startReceiver(t)
  const job = `  - job_name: second
    static_configs: [{labels: {job: second, __path__: "${directory}/a*"}}]`
  const once = configText({ directory, url: receiver.url, job }).replace(
    'sync_period: 200ms',
    'sync_period: 200ms, read_files_once: true',
  )
  const agent = await startTestAgent(t, once)
  await agent.firstSync
  await receiver.until(() => receiver.entries.length === 1)
  await agent.stop()
  t.strictSame(
    receiver.entries.map(({ labels }) => labels),
    [`{filename="${directory}/a.log", job="test"}`],
  )
})

test('Agent leaves directories and unreadable files alone', async t => {
  const directory = t.testdir({ 'a.log': 'x\n' })
  mkdirSync(`${directory}/directory.log`)
  execFileSync('mkfifo', [`${directory}/fifo.log`])
  symlinkSync('nowhere', `${directory}/dangling.log`)
  symlinkSync('loop.log', `${directory}/loop.log`)
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 1)
  t.strictSame(
    agent.files().map(({ path }) => path),
    [`${directory}/a.log`],
  )
  const answer = await fetch(`${agent.url}/ready`)
  t.equal(answer.status, 200)
  t.equal(await answer.text(), 'Ready\n')
})

test('Agent starts where a positions file of Promtail says', async t => {
  const directory = t.testdir({ 'a.log': 'one\ntwo\nthree\n' })
  writeFileSync(`${directory}/positions.yaml`, `positions:\n  ${directory}/a.log: "4"\n`)
  const receiver = await startReceiver(t)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['two', 'three'],
  )
})

test('Agent follows every link of a chain', async t => {
  const directory = t.testdir({ real: { 'id.txt': '1\n' } })
  symlinkSync('../real/id.txt', `${directory}/real/link`)
  symlinkSync(`${directory}/real/link`, `${directory}/a.log`)
  const receiver = await startReceiver(t)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 1)
  renameSync(`${directory}/real/id.txt`, `${directory}/real/id.txt.1`)
  writeFileSync(`${directory}/real/id.txt`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['1', '2'],
  )
})

test('Agent reads other encodings and compressed files', async t => {
  const directory = t.testdir()
  writeFileSync(`${directory}/a.log`, Buffer.from('\ufeffé\nü\n', 'utf16le'))
  const receiver = await startReceiver(t)
  const first = await startTestAgent(
    t,
    configText({ directory, url: receiver.url, job: '    encoding: UTF-16' }),
  )
  await receiver.until(() => receiver.entries.length === 2)
  await first.stop()
  rmSync(`${directory}/a.log`)
  writeFileSync(`${directory}/b.log`, gzipSync('one\r\ntwo'))
  const job = '    decompression: {enabled: true, format: gz}'
  await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  await receiver.until(() => receiver.entries.length === 4)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['é', 'ü', 'one', 'two'],
  )
})

test('Agent drops lines of streams beyond max_streams and continues', async t => {
  const directory = t.testdir({ 'a.log': 'a 1\nb 2\na 3\n' })
  const receiver = await startReceiver(t)
  const job = `    pipeline_stages: [{regex: {expression: '^(?P<s>.)'}}, {labels: {s: }}]`
  const top = 'limits_config: {max_streams: 1}'
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job, top }))
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['a 1', 'a 3'],
  )
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_dropped_entries_total\{[^}]*reason="stream_limited"[^}]*\} 1/)
})

test('__path_exclude__ leaves files out, also such as come later', async t => {
  const directory = t.testdir({ 'a.log': '1\n', 'a.debug.log': 'no\n' })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url })
  const exclude = `{job: test, __path_exclude__: "${directory}/*.{debug,trace}.log", `
  await startTestAgent(t, config.replace('{job: test, ', exclude))
  await receiver.until(() => receiver.entries.length === 1)
  writeFileSync(`${directory}/b.trace.log`, 'no\n')
  writeFileSync(`${directory}/b.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  appendFileSync(`${directory}/a.debug.log`, 'no\n')
  appendFileSync(`${directory}/a.log`, '3\n')
  await receiver.until(() => receiver.entries.length === 3)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['1', '2', '3'],
  )
})
