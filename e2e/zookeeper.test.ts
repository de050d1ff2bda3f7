// nerve_sd_configs and serverset_sd_configs against a real ZooKeeper: its watches, restarts and
// expired sessions. ZooKeeper's own command line writes the nodes.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { t as root, test } from 'tap'
import { runEntry } from '../packages/agent/test/discovery/job-entry.ts'
import { followChanges, nerve } from '../packages/agent/test/discovery/zookeeper/changes.ts'
import { startReceiver, waitFor } from '../packages/agent/test/harness.ts'
import { loopbackHost, reservePort, spawnSkald } from './skald-process.ts'
import { skipZookeeper, startZookeeper } from './zookeeper-process.ts'

root.setTimeout(180_000)
const options = { skip: skipZookeeper }

test(
  'nerve_sd_configs follows members in a ZooKeeper as they come, change and go',
  options,
  async t => {
    const zookeeper = await startZookeeper(t, join(t.testdir({}), 'zookeeper'))
    await followChanges(t, zookeeper)
  },
)

test(
  'serverset_sd_configs returns members in a ZooKeeper with all their endpoints',
  options,
  async t => {
    const zookeeper = await startZookeeper(t, join(t.testdir({}), 'zookeeper'))
    const member = {
      serviceEndpoint: { host: 'fd00::1', port: 8080 },
      additionalEndpoints: { 'http-admin': { host: '10.0.0.2', port: 9990 } },
      ...{ status: 'ALIVE', shard: 3 },
    }
    const entry = `{servers: ["127.0.0.1:1", "${zookeeper.address}"], paths: [/aurora/web]}`
    const { targets, found } = await runEntry(t, { key: 'serverset_sd_configs', entry })
    await waitFor(() => targets.isComplete)
    t.same(found(''), [], 'the path is not there yet')
    await zookeeper.put('/aurora', '')
    await zookeeper.put('/aurora/web', '')
    await zookeeper.put('/aurora/web/member_0000000001', JSON.stringify(member))
    await waitFor(() => found('').length > 0)
    t.same(found('__meta_serverset_'), [
      {
        ...{ __address__: '[fd00::1]:8080', path: '/aurora/web/member_0000000001' },
        ...{ endpoint_host: 'fd00::1', endpoint_port: '8080', status: 'ALIVE', shard: '3' },
        ...{ endpoint_host_http_admin: '10.0.0.2', endpoint_port_http_admin: '9990' },
      },
    ])
    const session = await zookeeper.connectedSession()
    t.ok(session && (await zookeeper.hasSession(session)))
    await targets.stop()
    t.notOk(await zookeeper.hasSession(session!), 'a discovery that stops leaves no session')
  },
)

test(
  'An agent reads the logs of the members over a restart of ZooKeeper and a session that expires',
  options,
  async t => {
    const directory = t.testdir({})
    const receiver = await startReceiver(t)
    const zookeeper = await startZookeeper(t, join(directory, 'zookeeper'))
    const logOf = (name: string) => join(directory, 'logs', name, 'app.log')
    const member = (name: string) => {
      mkdirSync(join(directory, 'logs', name), { recursive: true })
      writeFileSync(logOf(name), `first of ${name}\n`)
      return nerve(name)
    }
    const arrived = (line: string) =>
      receiver.until(() => receiver.entries.some(entry => entry.line === line))
    await zookeeper.put('/nerve', '')
    await zookeeper.put('/nerve/a', member('a'))

    const port = await reservePort()
    const config = join(directory, 'agent.yaml')
    writeFileSync(
      config,
      `server: {http_listen_address: ${loopbackHost}, http_listen_port: ${port}}
positions: {filename: "${directory}/positions.yaml", sync_period: 100ms}
clients: [{url: "${receiver.url}", batchwait: 20ms}]
target_config: {sync_period: 200ms}
scrape_configs:
  - job_name: nerve
    nerve_sd_configs: [{servers: ["${zookeeper.address}"], paths: [/nerve], timeout: 3s}]
    relabel_configs:
      - {source_labels: [__meta_nerve_endpoint_name], target_label: member}
      - {source_labels: [__meta_nerve_endpoint_name], target_label: __path__, replacement: "${directory}/logs/$1/*.log"}
`,
    )
    const outputFile = join(directory, 'agent.log')
    const agent = spawnSkald({ args: ['agent', `-config.file=${config}`], outputFile })
    t.teardown(() => agent.end('SIGKILL'))
    await arrived('first of a')
    t.match(receiver.entries[0]?.labels, 'member="a"')

    // The nodes change while ZooKeeper is down.
    await zookeeper.kill()
    await zookeeper.start({ isHidden: true })
    await zookeeper.put('/nerve/b', member('b'), { isHidden: true })
    await zookeeper.remove('/nerve/a', { isHidden: true })
    await waitFor(() => readFileSync(outputFile, 'utf8').includes('Discovery has no answer'))
    appendFileSync(logOf('a'), 'second of a\n')
    await arrived('second of a')
    await zookeeper.kill()
    await zookeeper.start()
    await arrived('first of b')
    await waitFor(() => readFileSync(outputFile, 'utf8').includes('Discovery works again'))

    // The process is stopped until its session has expired.
    const session = await zookeeper.connectedSession()
    process.kill(agent.pid, 'SIGSTOP')
    await waitFor(() => zookeeper.log.includes(`Expiring session ${session}`))
    await zookeeper.put('/nerve/c', member('c'))
    await zookeeper.remove('/nerve/b')
    process.kill(agent.pid, 'SIGCONT')
    await arrived('first of c')
    const next = await zookeeper.connectedSession()
    t.ok(session && next && next !== session)

    const metrics = await (await fetch(`http://${loopbackHost}:${port}/metrics`)).text()
    t.match(metrics, /^promtail_targets_active_total 1$/m, 'members that left are not targets')
    t.match(metrics, /^prometheus_treecache_zookeeper_failures_total [1-9]\d*$/m)

    await agent.end('SIGTERM')
    t.same(await agent.exited, { code: 0, signal: null })
    t.notOk(await zookeeper.hasSession(next!), 'an agent that stops leaves no session')
  },
)
