import { execFileSync, spawn, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { type Test, test } from 'tap'
import { makeCertificates } from '../../../../test/certificates.ts'
import { type Agent, ConfigError, loadAgentConfig } from '../../src/index.ts'
import { startReceiver, startTestAgent, waitFor } from '../harness.ts'

const configOf = (directory: string, url: string, syslog: string, more = '') => `
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml"}
clients:
  - {url: "${url}", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 50ms}}
scrape_configs:
  - job_name: syslog
    syslog: {listen_address: "127.0.0.1:0", labels: {job: syslog}${syslog}}
    relabel_configs:
      - {source_labels: [__syslog_message_hostname], target_label: host}
      - {source_labels: [__syslog_message_severity], target_label: level}
      - {source_labels: [__syslog_message_facility], target_label: facility}
      - {source_labels: [__syslog_message_app_name], target_label: app}
      - {source_labels: [__syslog_message_proc_id], target_label: pid}
      - {source_labels: [__syslog_connection_ip_address], target_label: ip}
      - {action: labelmap, regex: __syslog_message_sd_(.+), replacement: sd_$1}
${more}`

/** Returns the port of the agent's only source. */
const portOf = (agent: Agent) => Number(agent.sources()[0]!.place.split(':').at(-1))

async function start(t: Test, syslog = '', more = '') {
  const directory = t.testdir()
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configOf(directory, receiver.url, syslog, more))
  return { directory, receiver, agent, port: portOf(agent) }
}

test('Syslog over TCP: labels, times, framing by counts and by lines', async t => {
  const extras = ', label_structured_data: true, use_incoming_timestamp: true'
  const { receiver, agent, port } = await start(t, extras)
  const socket = net.connect(port, '127.0.0.1')
  const counted = '<165>1 2026-03-01T10:20:30.123456789Z web app 12 ID [x@1 user="ann"] counted'
  socket.write('not a message\n')
  socket.write(`${counted.length} ${counted}<13>1 2026-03-01T10:20:31Z web app - - - line\n`)
  socket.write('<13>1 2026-03-01T10:20:31Z web app - - -\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(
    receiver.entries.map(({ labels, line, timestampNs }) => ({ labels, line, timestampNs })),
    [
      {
        labels:
          '{app="app", facility="local4", host="web", ip="127.0.0.1", job="syslog", level="notice", pid="12", sd_x_1_user="ann"}',
        line: 'counted',
        timestampNs: 1_772_360_430_123_456_789n,
      },
      {
        labels:
          '{app="app", facility="user", host="web", ip="127.0.0.1", job="syslog", level="notice"}',
        line: 'line',
        timestampNs: 1_772_360_431_000_000_000n,
      },
    ],
  )
  t.equal((await fetch(`${agent.url}/ready`)).status, 200, 'a listener makes the agent ready')
  await waitFor(async () => /empty_messages_total 1/.test(await agent.metrics.registry.metrics()))
  const metrics = await agent.metrics.registry.metrics()
  t.match(metrics, /promtail_syslog_target_entries_total 2\n/)
  t.match(metrics, /promtail_syslog_target_parsing_errors_total 1\n/)
  socket.destroy()
})

test('Syslog can keep the whole message, and otherwise the time of arrival', async t => {
  const { receiver, port } = await start(t, ', use_rfc5424_message: true')
  const text = '<13>1 2020-03-01T10:20:31Z web app - - - words'
  net.connect(port, '127.0.0.1').end(`${text}\r\n${text}`)
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    [text, text],
  )
  const [first, second] = receiver.entries.map(({ timestampNs }) => timestampNs)
  t.ok(second! > first!, 'each has a time of its own')
  t.ok(first! > BigInt(Date.now() - 60_000) * 1_000_000n)
})

test('Syslog keeps the lines of a message together, and bytes that are not UTF-8', async t => {
  const { receiver, agent, port } = await start(t)
  const message = '<13>1 2026-11-29T07:00:00Z web1 shop 7 - - boom: first line\n\tat first.frame\n'
  const socket = net.connect(port, '127.0.0.1')
  socket.write(`${message}\tat second.frame\n`)
  await receiver.until(() => receiver.entries.length === 1)
  // The message has been passed on by now: this line is sent separately, with its message's labels.
  socket.write('\tat third.frame\n')
  socket.end('<13>1 2026-11-29T07:00:01Z web1 shop 7 - - after \xff\n', 'latin1')
  await receiver.until(() => receiver.entries.length === 3)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    ['boom: first line\n\tat first.frame\n\tat second.frame', '\tat third.frame', 'after \ufffd'],
  )
  t.equal(new Set(receiver.entries.map(({ labels }) => labels)).size, 1)
  t.match(await agent.metrics.registry.metrics(), /promtail_syslog_target_parsing_errors_total 0\n/)
})

test('Syslog drops and counts messages over max_message_length, and continues', async t => {
  const { receiver, agent, port } = await start(t, ', max_message_length: 100')
  const long = `<13>1 - web app - - - ${'x'.repeat(5_000_000)}`
  net.connect(port, '127.0.0.1').end(`${long}\n${long.length} ${long}<13>1 - web app - - - short\n`)
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]?.line, 'short')
  t.match(
    await agent.metrics.registry.metrics(),
    /logentry_dropped_lines_total\{reason="line_too_long"\} 2\n/,
  )
})

test('Syslog over UDP takes a message a datagram, in both formats', async t => {
  const { receiver, port } = await start(t, ', listen_protocol: udp, syslog_format: rfc3164')
  const socket = dgram.createSocket('udp4')
  t.teardown(() => socket.close())
  const texts = [
    '<13>Feb  5 17:32:18 router kernel[7]: old\n',
    '<13>1 - web app - - - new',
    '25 <13>1 - web app - - - two',
  ]
  for (const text of texts) socket.send(text, port, '127.0.0.1')
  await receiver.until(() => receiver.entries.length === 3)
  t.strictSame(receiver.entries.map(({ line }) => line).toSorted(), ['new', 'old', 'two'])
  t.match(
    receiver.entries.find(({ line }) => line === 'old')?.labels,
    'app="kernel", facility="user", host="router"',
  )
})

test('Syslog closes silent connections, but not those that wait for the server', async t => {
  const { receiver, agent, port } = await start(t, ', idle_timeout: 1500ms')
  const silent = net.connect(port, '127.0.0.1')
  await once(silent, 'close')
  receiver.respond(503)
  const busy = net.connect(port, '127.0.0.1')
  let isClosed = false
  busy.on('close', () => {
    isClosed = true
  })
  const line = (i: number) =>
    `<13>1 - web app - - - ${i} ${Buffer.from(crypto.getRandomValues(new Uint8Array(3000))).toString('base64')}\n`
  let sent = 0
  while (busy.write(line(sent++)) || sent < 500);
  // More than agent and sockets can hold: the agent makes it stop.
  const fill = async () => {
    for (; sent < 12_000; ) if (!busy.write(line(sent++))) await once(busy, 'drain')
  }
  const filled = fill()
  await waitFor(async () => {
    const before = sent
    await sleep(500)
    return sent === before && sent > 2_000
  })
  t.ok(sent < 12_000, `${sent} messages, then the sender waits`)
  await sleep(1_000)
  t.notOk(isClosed, 'the connection stays')
  receiver.respond(204)
  await filled
  await receiver.until(() => receiver.entries.length === 12_000)
  t.strictSame(
    receiver.entries.map(entry => Number.parseInt(entry.line, 10)),
    Array.from({ length: 12_000 }, (_, i) => i),
    'every message arrives once and in order',
  )
  busy.destroy()
  await agent.stop()
})

test('Syslog over TLS takes only clients with a certificate of its authority', async t => {
  const keys = `${t.testdir({})}/keys`
  makeCertificates(keys)
  const receiver = await startReceiver(t)
  const files = `{cert_file: "${keys}/server.crt", key_file: "${keys}/server.key", ca_file: "${keys}/ca.crt"}`
  const agent = await startTestAgent(t, configOf(keys, receiver.url, `, tls_config: ${files}`))
  const ca = readFileSync(`${keys}/ca.crt`)
  const connect = (more: tls.ConnectionOptions) =>
    tls.connect({ port: portOf(agent), host: '127.0.0.1', ca, ...more })
  const stranger = connect({})
  stranger.on('error', () => undefined)
  stranger.write('<13>1 - web app - - - stranger\n')
  await new Promise(resolve => stranger.once('close', resolve))
  const cert = readFileSync(`${keys}/client.crt`)
  const friend = connect({ cert, key: readFileSync(`${keys}/client.key`) })
  friend.end('<13>1 - web app - - - friend\n')
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]?.line, 'friend')
})

test('Mistakes in syslog keys are reported with their line', async t => {
  const problems = async (syslog: string) => {
    try {
      await loadAgentConfig({ text: configOf('/tmp', 'http://h/', syslog), path: 'a.yaml' })
      return ''
    } catch (error) {
      t.ok(error instanceof ConfigError)
      return (error as Error).message
    }
  }
  t.equal(await problems(''), '')
  t.match(
    await problems(', idle_timout: 3s'),
    /a\.yaml:8:\d+: Unknown key idle_timout.*idle_timeout/,
  )
  t.match(
    await problems(', listen_protocol: quic'),
    /a\.yaml:8:\d+: \S+\.listen_protocol must be one of tcp, udp/,
  )
  t.match(
    await problems(', tls_config: {cert_file: /none, key_file: /none}'),
    /a\.yaml:8:\d+: \S+\.tls_config cannot/,
  )
  t.match(
    await problems('}\n    gelf: {listen_address: ":1"'),
    /a\.yaml:9:\d+: A job has one source/,
  )
  t.match(
    await problems('}\n    cloudflare: {api_token: x'),
    /a\.yaml:9:\d+: \S+\.cloudflare is not supported: it reads/,
  )
})

const hasLogger = spawnSync('logger', ['--version']).status === 0
const skipLogger = hasLogger ? false : 'no logger(1)'

test('Syslog accepts what logger(1) sends', { skip: skipLogger }, async t => {
  const { receiver, port } = await start(t, ', use_incoming_timestamp: true')
  const send = (...args: string[]) =>
    execFileSync('logger', ['-n', '127.0.0.1', '-P', String(port), '-T', '-t', 'mytag', ...args])
  send('--rfc5424', '-p', 'local3.warning', 'new words')
  send('--rfc3164', '-p', 'mail.err', 'old words')
  send('--rfc5424', '--octet-count', 'counted words')
  await receiver.until(() => receiver.entries.length === 3)
  const of = (line: string) => receiver.entries.find(entry => entry.line === line)?.labels
  t.match(of('new words'), /app="mytag", facility="local3", .*level="warning"/)
  t.match(of('old words'), /app="mytag", facility="mail", .*level="error"/)
  t.match(of('counted words'), /app="mytag"/)
})

const hasRsyslog = spawnSync('rsyslogd', ['-v']).status === 0
const skipRsyslog = hasRsyslog ? false : 'no rsyslogd'

test('Syslog accepts what rsyslog forwards', { skip: skipRsyslog }, async t => {
  const { directory, receiver, port } = await start(t)
  const input = `${directory}/in.log`
  writeFileSync(input, '')
  writeFileSync(
    `${directory}/rsyslog.conf`,
    `module(load="imfile" mode="polling" pollingInterval="1")
global(workDirectory="${directory}")
input(type="imfile" File="${input}" Tag="fwd" Severity="error" Facility="local5")
action(type="omfwd" target="127.0.0.1" port="${port}" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
`,
  )
  const args = ['-n', '-f', `${directory}/rsyslog.conf`, '-i', `${directory}/pid`]
  const child = spawn('rsyslogd', args, { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  await sleep(1_500)
  const lines = Array.from({ length: 200 }, (_, i) => `forwarded ${i} \u00fc`)
  writeFileSync(input, `${lines.join('\n')}\n`)
  await receiver.until(() => receiver.entries.length === 200)
  t.strictSame(
    receiver.entries.map(({ line }) => line),
    lines,
  )
  t.match(receiver.entries[0]?.labels, /app="fwd", facility="local5", .*level="error"/)
})
