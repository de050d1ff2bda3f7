// receivers.syslog: messages over TCP, TLS and UDP, from sockets and from rsyslog.

import { spawn, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigError } from '@skald/config-reading'
import { t as root, type Test, test } from 'tap'
import { makeCertificates } from '../../../../../test/certificates.ts'
import { loadStoreConfig } from '../../../src/config.ts'
import { startTestStore } from '../../harness.ts'
import { openReceiverStore, type StoredEntry } from '../receiver-store.ts'

root.setTimeout(120_000)

async function open(t: Test, listeners: string, more = 'auth_enabled: false') {
  const { store, entries } = await openReceiverStore(
    t,
    `${more}\nreceivers:\n  syslog:\n${listeners}`,
  )
  const ports = store.receiverPlaces.map(place => Number(/:(\d+)$/.exec(place)![1]))
  /** Waits until a query has this many entries. */
  const until = async (count: number, query = '{job="syslog"}', when?: 'now') => {
    let found: StoredEntry[] = []
    while (found.length < count) found = await entries(query, when)
    return found
  }
  return { store, ports, until }
}

const local = 'listen_address: "127.0.0.1:0"'

async function send(port: number, ...texts: readonly string[]): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  for (const text of texts) socket.write(text)
  socket.end()
  await once(socket, 'close')
}

test('messages of both formats, with both framings', async t => {
  const { ports, until } = await open(t, `    - {${local}, labels: {site: fra}}`)
  const modern = (text: string) =>
    `<165>1 2024-10-04T00:00:01Z web app 17 ID7 [ex@1 a="b \\" c"] ${text}`
  const counted = modern('counted\nwith a line feed')
  await send(
    ports[0]!,
    `${modern('new words')}\n<11>Oct  4 00:00:01 old su[12]: old words\n`,
    `${Buffer.byteLength(counted)} ${counted}`,
    '<14>1 - - 0123456789abcdef - - - by id\n  a line of a trace\n',
  )
  const found = await until(4, '{job="syslog", site="fra"}', 'now')
  const by = (start: string) => found.find(({ line }) => line.startsWith(start))
  t.match(by('new words')!.stream, {
    ...{ host: 'web', app: 'app', proc_id: '17', msg_id: 'ID7', facility: 'local4' },
    ...{ ex_1_a: 'b " c', level: 'notice' },
  })
  t.match(by('old words')!.stream, { host: 'old', app: 'su', proc_id: '12', level: 'error' })
  t.equal(by('counted')!.line, 'counted\nwith a line feed')
  t.equal(by('by id')!.line, 'by id\n  a line of a trace')
  t.match(by('by id')!.stream, { host: '127.0.0.1', service_name: 'syslog' })
})

test('equal messages of one second are all stored, in order, by either time', async t => {
  const { ports, until, store } = await open(
    t,
    `    - {${local}, use_incoming_timestamp: true, max_message_length: 100B}
    - {${local}, labels: {job: arrival}}
    - {${local}, labels: {job: udp}, listen_protocol: udp}`,
  )
  const line = '<13>1 2024-10-04T00:00:02Z h a - - - tick\n'
  await send(ports[0]!, line.repeat(1000), `<13>${'x'.repeat(200)}\n`)
  await send(ports[1]!, line.repeat(1000))
  const found = await until(1000)
  t.equal(found.length, 1000)
  t.equal(found.at(-1)!.ns, `${Date.parse('2024-10-04T00:00:02Z')}000999`)
  t.equal((await until(1000, '{job="arrival"}', 'now')).length, 1000)
  const socket = dgram.createSocket('udp4')
  for (let i = 0; i < 20; i++) socket.send(`${line.length} ${line}`, ports[2]!, '127.0.0.1')
  t.equal((await until(20, '{job="udp"}', 'now')).length, 20)
  socket.close()
  const metrics = (await store.get('/metrics')).body
  t.match(metrics, /loki_discarded_samples_total\{reason="line_too_long",tenant="fake"\} 1/)
})

test('a tenant, and a limit of it: the sender waits, and nothing is lost', async t => {
  const { ports, store } = await open(
    t,
    `    - {${local}, tenant: team-a, use_incoming_timestamp: true}`,
    'auth_enabled: true\nlimits_config: {ingestion_rate_mb: 0.02, ingestion_burst_size_mb: 0.02}',
  )
  const line = (i: number) => `<13>1 2024-10-04T00:00:03Z h a - - - ${i} ${'x'.repeat(900)}\n`
  for (let i = 0; i < 3; i++) {
    await send(ports[0]!, Array.from({ length: 15 }, (_, k) => line(i * 15 + k)).join(''))
  }
  const range = { start: 1_728_000_000_000_000_000n, end: 1_728_000_010_000_000_000n }
  let lines: string[] = []
  while (lines.length < 45) {
    lines = await store.lines('{job="syslog"}', { ...range, tenant: 'team-a' })
  }
  t.equal(new Set(lines).size, 45)
})

test('what was received is stored before the store ends', async t => {
  const yaml = `auth_enabled: false\nreceivers: {syslog: [{${local}}]}`
  const dir = ownDirectory(t)
  const store = await startTestStore(t, { yaml, dir })
  const port = Number(/:(\d+)$/.exec(store.receiverPlaces[0]!)![1])
  await send(port, '<13>1 - h a - - - last words\n')
  await store.stop()
  const again = await startTestStore(t, { yaml, dir })
  const now = BigInt(Date.now()) * 1_000_000n
  const range = { start: now - 60_000_000_000n, end: now + 60_000_000_000n }
  t.same(await again.lines('{job="syslog"}', range), ['last words'])
})

const modules = ['/usr/lib/rsyslog', `/usr/lib/${machine()}-linux-gnu/rsyslog`]
const hasRsyslog =
  spawnSync('rsyslogd', ['-v']).status === 0 &&
  modules.some(dir => existsSync(join(dir, 'lmnsd_ossl.so')))
const skip = hasRsyslog ? false : 'no rsyslogd with rsyslog-openssl'

/** Makes a directory besides the store's. */
function ownDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'skald-syslog-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Starts rsyslog. Returns how to give it lines. */
function startRsyslog(t: Test, action: string): { write: (lines: readonly string[]) => void } {
  const directory = ownDirectory(t)
  const input = join(directory, 'in.log')
  writeFileSync(input, '')
  writeFileSync(
    join(directory, 'rsyslog.conf'),
    `module(load="imfile" mode="polling" pollingInterval="1")
global(workDirectory="${directory}")
input(type="imfile" File="${input}" Tag="fwd" Severity="error" Facility="local5")
${action}
`,
  )
  const args = ['-n', '-f', join(directory, 'rsyslog.conf'), '-i', join(directory, 'pid')]
  const child = spawn('rsyslogd', args, { stdio: 'ignore' })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return { write: lines => writeFileSync(input, `${lines.join('\n')}\n`) }
}

test('rsyslog forwards with TLS', { skip }, async t => {
  const dir = ownDirectory(t)
  makeCertificates(dir)
  const { ports, until } = await open(
    t,
    `    - ${local}
      tls_config: {cert_file: ${dir}/server.crt, key_file: ${dir}/server.key}`,
  )
  const { write } = startRsyslog(
    t,
    `global(defaultNetstreamDriverCAFile="${dir}/ca.crt")
action(type="omfwd" target="127.0.0.1" port="${ports[0]}" protocol="tcp" StreamDriver="ossl" StreamDriverMode="1"
  StreamDriverAuthMode="anon" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")`,
  )
  const lines = Array.from({ length: 200 }, (_, i) => `forwarded ${i} \u00fc`)
  write(lines)
  const found = await until(200, '{job="syslog", app="fwd"}', 'now')
  t.same(
    found.map(({ line }) => line),
    lines,
  )
  t.match(found[0]!.stream, { facility: 'local5', detected_level: 'error' })
})

test('mistakes in the configuration are named', async t => {
  const problems = (listener: string, more = 'auth_enabled: false') => {
    try {
      loadStoreConfig(`${more}\nreceivers: {syslog: [${listener}]}`, 'store.yaml')
      return []
    } catch (error) {
      return (error as ConfigError).problems.map(({ message }) => message)
    }
  }
  t.match(problems('{}'), [/receivers.syslog\[0\].listen_address: it is missing/])
  t.match(problems('{listen_address: "1514"}'), [/must be an address such as/])
  t.match(problems(`{${local}, tenant: a}`), [/tenant: auth_enabled is false/])
  t.match(problems(`{${local}}`, 'auth_enabled: true'), [/tenant: it is missing/])
  t.match(problems(`{${local}, labels: {"a-b": c}}`), [/labels: "a-b" is no name of a label/])
  t.match(problems(`{${local}, max_message_length: 1GB}`), [
    /max_message_length: write a size from/,
  ])
  t.match(problems(`{${local}, tls_config: {cert_file: a}}`), [
    /tls_config.key_file: it is missing/,
  ])
  t.match(problems(`{${local}, listen_protocol: udp, tls_config: {cert_file: a, key_file: b}}`), [
    /tls_config: it needs listen_protocol tcp/,
  ])
  t.match(problems(`{${local}, format: x}`), [/format/])
})
