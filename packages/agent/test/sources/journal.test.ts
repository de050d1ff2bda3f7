// Uses journal files that systemd's own program makes from recorded exports, and reads them with
// journalctl.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { loadAgentConfig } from '../../src/index.ts'
import { startReceiver, startTestAgent, waitFor } from '../harness.ts'
import { problemOf } from './job-problem.ts'

const remote = '/lib/systemd/systemd-journal-remote'
const hasJournal = spawnSync('journalctl', ['--version']).status === 0 && existsSync(remote)
const skip = hasJournal ? false : 'no journalctl and systemd-journal-remote'

const machine = '0123456789abcdef0123456789abcdef'
let count = 0

/** Returns one entry of an export. Bytes come with their length, as the format requires. */
function exported(atMs: number, fields: Record<string, string | Buffer>): Buffer {
  count++
  const head = {
    __REALTIME_TIMESTAMP: String(Math.round(atMs * 1000) + count),
    __MONOTONIC_TIMESTAMP: String(1000 + count),
    _BOOT_ID: machine,
    _MACHINE_ID: machine,
    _HOSTNAME: 'web',
  }
  const parts: Buffer[] = []
  for (const [name, value] of Object.entries<string | Buffer>({ ...head, ...fields })) {
    if (typeof value === 'string') parts.push(Buffer.from(`${name}=${value}\n`))
    else {
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(value.length))
      parts.push(Buffer.from(`${name}\n`), length, value, Buffer.from('\n'))
    }
  }
  return Buffer.concat([...parts, Buffer.from('\n')])
}

/** Adds entries to the journal in a directory. */
function write(directory: string, entries: readonly Buffer[]): void {
  mkdirSync(directory, { recursive: true })
  const args = [`--output=${directory}/remote.journal`, '-']
  const { status, stderr } = spawnSync(remote, args, { input: Buffer.concat(entries) })
  if (status !== 0) throw new Error(String(stderr))
}

const configOf = (directory: string, url: string, more = '') => `
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml", sync_period: 50ms}
clients:
  - {url: "${url}", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 50ms}}
scrape_configs:
  - job_name: systemd
    journal: {path: "${directory}/journal", labels: {job: journal}${more}}
    relabel_configs:
      - {source_labels: [__journal__systemd_unit], target_label: unit}
      - {source_labels: [__journal_priority_keyword], target_label: level}
      - {source_labels: [__journal__hostname], target_label: host}
`

const nowMs = Date.now()
const entryOf = (text: string | Buffer, more: Record<string, string> = {}, atMs = nowMs - 60_000) =>
  exported(atMs, { MESSAGE: text, PRIORITY: '4', _SYSTEMD_UNIT: 'app.service', ...more })

async function start(t: Test, directory: string, more = '') {
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configOf(directory, receiver.url, more))
  return { receiver, agent }
}

test('Journal gives entries with labels, bytes and times, and follows', { skip }, async t => {
  const directory = t.testdir()
  const bytes = Buffer.from([0x66, 0xff, 0x0a, 0x67])
  write(`${directory}/journal`, [
    entryOf('much too old', {}, nowMs - 8 * 3_600_000),
    entryOf('first'),
    entryOf(bytes),
    exported(nowMs - 59_000, { PRIORITY: '3', _SYSTEMD_UNIT: 'silent.service' }),
  ])
  const { receiver, agent } = await start(t, directory)
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(
    receiver.entries[0]?.labels,
    '{host="web", job="journal", level="warning", unit="app.service"}',
  )
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['first', bytes.toString('utf8')],
  )
  t.equal(
    receiver.entries[0]!.timestampNs / 1_000_000n / 1000n,
    BigInt(Math.floor((nowMs - 60_000) / 1000)),
  )
  write(`${directory}/journal`, [entryOf('later', {}, nowMs - 30_000)])
  await receiver.until(() => receiver.entries.length === 3)
  t.equal(receiver.entries[2]?.line, 'later')
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_journal_target_lines_total 3\n/)
  t.match(metrics, /promtail_journal_target_parsing_errors_total\{error="no_message"\} 1\n/)
})

test('Journal continues after its saved cursor, which follows the server’s answers', {
  skip,
}, async t => {
  const directory = t.testdir()
  write(`${directory}/journal`, [entryOf('one'), entryOf('two')])
  const first = await start(t, directory)
  await first.receiver.until(() => first.receiver.entries.length === 2)
  await first.agent.stop()
  t.match(readFileSync(`${directory}/positions.yaml`, 'utf8'), /"cursor-systemd": "s=/)
  write(`${directory}/journal`, [entryOf('three', {}, nowMs - 50_000)])
  const receiver = await startReceiver(t)
  receiver.respond(503)
  const second = await startTestAgent(t, configOf(directory, receiver.url))
  await waitFor(() => receiver.refusals > 2)
  await second.stop()
  receiver.respond(204)
  await startTestAgent(t, configOf(directory, receiver.url))
  await receiver.until(() => receiver.entries.length === 1)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['three'],
  )
})

test('Journal can send whole entries as JSON, and only matching ones', { skip }, async t => {
  const directory = t.testdir()
  write(`${directory}/journal`, [
    entryOf('other', { _SYSTEMD_UNIT: 'other.service' }),
    entryOf('mine', { CODE_LINE: '7' }),
  ])
  const more = ', json: true, matches: "_SYSTEMD_UNIT=app.service PRIORITY=4"'
  const { receiver } = await start(t, directory, more)
  await receiver.until(() => receiver.entries.length === 1)
  t.match(JSON.parse(receiver.entries[0]!.line), { MESSAGE: 'mine', CODE_LINE: '7', PRIORITY: '4' })
})

test('Journal continues when journalctl ends', { skip }, async t => {
  const directory = t.testdir()
  write(`${directory}/journal`, [entryOf('one')])
  const { receiver } = await start(t, directory)
  await receiver.until(() => receiver.entries.length === 1)
  const found = spawnSync('pgrep', ['-f', `journalctl .*${directory}/journal`], {
    encoding: 'utf8',
  })
  const [pid] = found.stdout.trim().split('\n')
  process.kill(Number(pid), 'SIGKILL')
  write(`${directory}/journal`, [entryOf('two', {}, nowMs - 50_000)])
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['one', 'two'],
  )
})

test('Journal reports clearly that journalctl is missing', async t => {
  const directory = t.testdir()
  const config = await loadAgentConfig({
    text: configOf(directory, 'http://127.0.0.1:1/'),
    path: 'a.yaml',
  })
  const { PATH } = process.env
  process.env.PATH = directory
  try {
    t.match(
      await problemOf(config),
      /job systemd reads the journal, and journalctl cannot be run: .*ENOENT/,
    )
  } finally {
    process.env.PATH = PATH
  }
})
