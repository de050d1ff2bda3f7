// Every file in examples/ works unchanged, on directories and ports of the test.

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { flattenStreams, startStore, startStoreOn } from './harness.ts'
import { reservePort, skaldCommand, spawnSkald } from './skald-process.ts'

root.setTimeout(170_000)
const run = promisify(execFile)
const examples = new URL('../examples/', import.meta.url).pathname

test('every example configuration is valid', async t => {
  const files = readdirSync(examples).filter(name => name.endsWith('.yaml'))
  t.ok(files.length > 0)
  for (const file of files) {
    const { stdout } = await run(skaldCommand, [
      'check',
      '-config.expand-env',
      join(examples, file),
    ])
    t.match(stdout, /: valid (agent|store) configuration\n$/, file)
  }
})

test('loki-config.yaml starts a store, push-and-query.sh talks to it', async t => {
  const configFile = join(examples, 'loki-config.yaml')
  const store = await startStoreOn(t, { configFile, dir: t.testdir() })
  t.match(store.output(), /without meaning here: server\.grpc_listen_port/)
  const { stdout } = await run('sh', [join(examples, 'push-and-query.sh')], {
    env: { ...process.env, SKALD_URL: store.url },
  })
  t.match(stdout, /"hello from curl"/)
})

test('promtail-config.yaml reads pods and pushes', async t => {
  const dir = t.testdir()
  const store = await startStore(t, { dir })
  const pod = join(dir, 'pods', 'shop_web-1_0f3c', 'web')
  mkdirSync(pod, { recursive: true })
  const time = new Date().toISOString()
  writeFileSync(join(pod, '0.log'), `${time} stdout F hello from a pod\n`)
  const agentPort = await reservePort()
  const agent = spawnSkald({
    args: [
      'agent',
      `-config.file=${join(examples, 'promtail-config.yaml')}`,
      '-config.expand-env=true',
      `-server.http-listen-port=${agentPort}`,
    ],
    outputFile: join(dir, 'agent.log'),
    env: {
      LOKI_URL: `${store.url}/loki/api/v1/push`,
      LOGS: join(dir, 'pods'),
      POSITIONS: join(dir, 'positions.yaml'),
    },
  })
  t.teardown(() => agent.end('SIGTERM'))
  for (let i = 0; i < 200; i++) {
    const data = await store.query('query_range', { query: '{job="kubernetes-pods"}' })
    const [entry] = flattenStreams(data)
    if (entry) {
      t.equal(entry.line, 'hello from a pod')
      t.match(entry.labels, { stream: 'stdout', filename: join(pod, '0.log') })
      return
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  t.fail(`the line did not arrive: ${agent.output()}`)
})
