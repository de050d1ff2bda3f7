// Against a broker of another library, fixtures/kafka-broker: KAFKA_TEST_BROKER names the program that
// `go build` makes of it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'tap'
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
  const process = spawn(program!, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => process.kill())
  const [address] = await once(process.stdout, 'data')
  const send = (...lines: string[]) => process.stdin.write(`${lines.join('\n')}\n`)
  send('logs-a k a 1', 'logs-a k a 2', 'logs-b k b 1', 'other k not asked for')
  const receiver = await startReceiver(t)
  const config = configOf(
    ...([directory, receiver.url, ', topics: ["^logs-.*"], use_incoming_timestamp: true'] as const),
    String(address).trim(),
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

test('Kafka that cannot be reached leaves the agent running', async t => {
  const directory = t.testdir()
  const receiver = await startReceiver(t)
  const config = configOf(directory, receiver.url, ', topics: [logs]')
  const agent = await startTestAgent(t, config)
  t.equal(agent.sources()[0]?.isReady, false)
  const startedMs = performance.now()
  await agent.stop()
  t.ok(performance.now() - startedMs < 5_000)
})

test('Kafka keys are checked with their line', async t => {
  const problem = (kafka: string) => {
    try {
      loadAgentConfig({ text: configOf('/tmp', 'http://h/', kafka), path: 'a.yaml' })
      return ''
    } catch (error) {
      t.ok(error instanceof ConfigError)
      return (error as Error).message
    }
  }
  t.equal(problem(', topics: [a], version: 2.2.1, assignor: range'), '')
  t.match(problem(''), /a\.yaml:8:\d+: kafka needs topics/)
  t.match(problem(', topics: ["^("]'), /a\.yaml:8:\d+: topic \^\( does not compile/)
  t.match(
    problem(', topics: [a], authentication: {type: sasl}'),
    /a\.yaml:8:\d+: authentication of type/,
  )
})
