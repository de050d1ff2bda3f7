// Runs against a broker from another library, fixtures/kafka-broker. KAFKA_TEST_BROKER names the program
// that `go build` makes from it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import pino from 'pino'
import { type Test, test } from 'tap'
import { makeCertificates } from '../../../../test/certificates.ts'
import { ConfigError, loadAgentConfig } from '../../src/index.ts'
import { startReceiver, startTestAgent, waitFor } from '../harness.ts'

const program = process.env.KAFKA_TEST_BROKER
const skip = program ? false : 'no broker: name one in KAFKA_TEST_BROKER'

const configOf = (directory: string, url: string, kafka: string, broker = '127.0.0.1:1') => `
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml"}
clients:
  - {url: "${url}", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 50ms}}
scrape_configs:
  - job_name: kafka
    kafka: {brokers: ["${broker}"], labels: {job: kafka}${kafka}}
    relabel_configs:
      - {source_labels: [__meta_kafka_topic], target_label: topic}
      - {source_labels: [__meta_kafka_message_key], target_label: key}
`

test('Kafka is read by a group, and offsets move with the server’s answers', { skip }, async t => {
  const directory = t.testdir()
  const { address, send } = await startBroker(t)
  send('logs-a k a 1', 'logs-a k a 2', 'logs-b k b 1', 'other k not asked for')
  const receiver = await startReceiver(t)
  const config = configOf(
    ...([directory, receiver.url, ', topics: ["^logs-.*"], use_incoming_timestamp: true'] as const),
    address,
  )
  const first = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 3)
  t.strictSame(receiver.entries.map(({ labels, line }) => `${labels} ${line}`).toSorted(), [
    '{job="kafka", key="k", topic="logs-a"} a 1',
    '{job="kafka", key="k", topic="logs-a"} a 2',
    '{job="kafka", key="k", topic="logs-b"} b 1',
  ])
  t.equal(receiver.entries[0]?.timestampNs, 1_772_360_430_123_000_000n)
  receiver.respond(503)
  send('logs-a k a 3')
  await waitFor(() => receiver.refusals > 2)
  await first.stop()
  receiver.respond(204)
  const second = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 4)
  t.equal(receiver.entries[3]?.line, 'a 3', 'what was not answered comes again, and nothing else')
  await second.stop()
})

/** Starts a broker. Returns its address and a function that sends lines. */
async function startBroker(t: Test, ...args: readonly string[]) {
  const process = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => process.kill())
  const [address] = await once(process.stdout, 'data')
  const send = (...lines: string[]) => process.stdin.write(`${lines.join('\n')}\n`)
  return { address: String(address).trim(), send }
}

/** Returns a log of warnings, and a function that waits for the first one with a given text. */
function listen() {
  let text = ''
  const write = (line: string) => {
    text += line
  }
  return {
    logger: pino({ level: 'warn' }, { write }),
    hears: (part: RegExp) => waitFor(() => part.test(text)),
  }
}

test('Kafka over TLS is read with a certificate, and only from brokers of the authority', {
  skip,
}, async t => {
  const directory = t.testdir()
  const keys = `${directory}/keys`
  makeCertificates(keys)
  const { address, send } = await startBroker(t, '-keys', keys)
  send('logs-a k secret line')
  const receiver = await startReceiver(t)
  const tls = (text: string) =>
    configOf(
      ...([directory, receiver.url] as const),
      `, topics: [logs-a], authentication: {type: ssl, tls_config: {${text}}}`,
      address,
    )
  const own = `cert_file: "${keys}/client.crt", key_file: "${keys}/client.key"`
  const wrongs: readonly (readonly [settings: string, problem: RegExp])[] = [
    [own, /self-signed certificate|unable to (get|verify)/],
    [`ca_file: "${keys}/ca.crt"`, /Connection closed/],
    [`${own}, ca_file: "${keys}/ca.crt", server_name: other`, /Host: other\. is not/],
  ]
  for (const [settings, problem] of wrongs) {
    const { logger, hears } = listen()
    const agent = await startTestAgent(t, tls(settings), { logger })
    await hears(problem)
    t.equal(agent.sources()[0]?.isReady, false, settings)
    await agent.stop()
  }
  t.equal(receiver.entries.length, 0)
  const agent = await startTestAgent(t, tls(`${own}, ca_file: "${keys}/ca.crt"`))
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]?.line, 'secret line')
  await agent.stop()
})

test('Kafka is read with name and password, by every mechanism, over TLS as well', {
  skip,
}, async t => {
  const directory = t.testdir()
  const keys = `${directory}/keys`
  makeCertificates(keys)
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    const isTls = mechanism === 'SCRAM-SHA-512'
    const { address, send } = await startBroker(
      ...([t, '-sasl', mechanism, ...(isTls ? ['-keys', keys] : [])] as const),
    )
    send(`logs-a k by ${mechanism}`)
    const receiver = await startReceiver(t)
    const tls = `, use_tls: true, ca_file: "${keys}/ca.crt", cert_file: "${keys}/client.crt", key_file: "${keys}/client.key"`
    const sasl = (password: string) =>
      configOf(
        ...([directory, receiver.url] as const),
        `, topics: [logs-a], authentication: {type: sasl, sasl_config: {mechanism: ${mechanism}, user: me, password: ${password}${isTls ? tls : ''}}}`,
        address,
      )
    const { logger, hears } = listen()
    const stranger = await startTestAgent(t, sasl('wrong'), { logger })
    await hears(/Kafka cannot be read/)
    t.equal(stranger.sources()[0]?.isReady, false, `${mechanism}: a wrong password`)
    await stranger.stop()
    const agent = await startTestAgent(t, sasl('s3cret'))
    await receiver.until(() => receiver.entries.length === 1)
    t.equal(receiver.entries[0]?.line, `by ${mechanism}`)
    await agent.stop()
  }
})

test('An unreachable Kafka does not stop the agent', async t => {
  const directory = t.testdir()
  const receiver = await startReceiver(t)
  const config = configOf(directory, receiver.url, ', topics: [logs]')
  const agent = await startTestAgent(t, config)
  t.equal(agent.sources()[0]?.isReady, false)
  const startedMs = performance.now()
  await agent.stop()
  t.ok(performance.now() - startedMs < 5_000)
})

test('Mistakes in Kafka keys are reported with their line', async t => {
  const problem = async (kafka: string) => {
    try {
      await loadAgentConfig({ text: configOf('/tmp', 'http://h/', kafka), path: 'a.yaml' })
      return ''
    } catch (error) {
      t.ok(error instanceof ConfigError)
      return (error as Error).message
    }
  }
  t.equal(await problem(', topics: [a], version: 2.2.1, assignor: range'), '')
  t.match(await problem(''), /a\.yaml:8:\d+: kafka needs topics/)
  t.match(await problem(', topics: ["^("]'), /a\.yaml:8:\d+: \S+\.topics \^\( does not compile/)
  t.match(
    await problem(', topics: [a], authentication: {type: sasl}'),
    /a\.yaml:8:\d+: authentication of type/,
  )
})
