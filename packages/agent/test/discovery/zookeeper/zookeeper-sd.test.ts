// Runs against a small server of the protocol. e2e/zookeeper.test.ts uses a real one.

import { createServer } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import pino from 'pino'
import { type Test, test } from 'tap'
import { waitFor } from '../../harness.ts'
import { problemOfEntry, type RunningEntry, runEntry } from '../job-entry.ts'
import { startJsonApi } from '../json-api.ts'
import { followChanges, nerve } from './changes.ts'
import { startZookeeperServer, type ZookeeperServer } from './zookeeper-server.ts'

const prefix = '__meta_nerve_'

/** Runs a nerve entry. Returns the log as well. */
async function run(t: Test, entry: string) {
  const logged: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  return { ...(await runEntry(t, { key: 'nerve_sd_configs', entry, logger })), logged }
}

const names = ({ found }: RunningEntry) =>
  found(prefix)
    .map(labels => labels.endpoint_name)
    .sort()
    .join()

const failures = async ({ metrics }: RunningEntry) =>
  Number(
    /^prometheus_treecache_zookeeper_failures_total (\d+)$/m.exec(
      await metrics.registry.metrics(),
    )?.[1],
  )

/** Starts a server with the node `/n` and members below it. */
async function startWith(t: Test, ...members: string[]): Promise<ZookeeperServer> {
  const server = await startZookeeperServer(t)
  await server.put('/n', '')
  for (const name of members) await server.put(`/n/${name}`, nerve(name))
  return server
}

test('nerve_sd_configs gives a target for each member below its paths', async t => {
  const server = await startWith(t, 'a')
  await server.put('/n/deep', 'no member')
  await server.put('/n/deep/b', '{"HOST": "fd00::1", "port": 81, "weight": 3}')
  await server.put('/n/deep/b/c', '{}')
  await server.put('/n/list', '[]')
  await server.put('/n/text', '{"host": "h", "port": "80"}')
  await server.put('/other', nerve('other'))
  const { targets, found } = await run(t, `{servers: ["${server.address}"], paths: [/n, /n/deep]}`)
  await waitFor(() => targets.isComplete)
  t.same(found(prefix), [
    {
      ...{ __address__: '10.0.0.1:8080', path: '/n/a' },
      ...{ endpoint_host: '10.0.0.1', endpoint_port: '8080', endpoint_name: 'a' },
    },
    {
      ...{ __address__: '[fd00::1]:81', path: '/n/deep/b' },
      ...{ endpoint_host: 'fd00::1', endpoint_port: '81', endpoint_name: '' },
    },
    {
      ...{ __address__: ':0', path: '/n/deep/b/c' },
      ...{ endpoint_host: '', endpoint_port: '0', endpoint_name: '' },
    },
  ])
})

test('serverset_sd_configs gives a target for each member with all its endpoints', async t => {
  const server = await startZookeeperServer(t)
  const member = {
    serviceEndpoint: { host: '10.0.0.1', port: 8080 },
    additionalEndpoints: { 'http-admin': { host: '10.0.0.2', port: 9990 }, none: null },
    ...{ status: 'ALIVE', shard: 3 },
  }
  await server.put('/aurora', '')
  await server.put('/aurora/member_0000000001', JSON.stringify(member))
  const entry = `{servers: ["${server.address}"], paths: [/], timeout: 4s}`
  const { targets, found } = await runEntry(t, { key: 'serverset_sd_configs', entry })
  await waitFor(() => targets.isComplete)
  t.same(found('__meta_serverset_'), [
    {
      ...{ __address__: '10.0.0.1:8080', path: '/aurora/member_0000000001' },
      ...{ endpoint_host: '10.0.0.1', endpoint_port: '8080', status: 'ALIVE', shard: '3' },
      ...{ endpoint_host_http_admin: '10.0.0.2', endpoint_port_http_admin: '9990' },
      ...{ endpoint_host_none: '', endpoint_port_none: '0' },
    },
  ])
})

test('nerve_sd_configs follows members that come, change, disappear and nest inside one another', async t => {
  const server = await startZookeeperServer(t)
  await followChanges(t, server)
})

test('nerve_sd_configs waits for a path that does not exist', async t => {
  const server = await startWith(t, 'a')
  const entry = await run(t, `{servers: ["${server.address}"], paths: [/n, /later/here]}`)
  await waitFor(() => names(entry) === 'a')
  t.match(entry.logged.join(''), /"Not all nodes of ZooKeeper are followed"/)
  t.match(entry.logged.join(''), '/later/here: does not exist')
  await server.put('/later', '')
  await server.put('/later/here', '')
  await server.put('/later/here/b', nerve('b'))
  await waitFor(() => names(entry) === 'a,b')
  t.match(entry.logged.at(-1), 'All nodes of ZooKeeper are followed')
  await server.remove('/later')
  await waitFor(() => names(entry) === 'a')
  await server.put('/later', '')
  await server.put('/later/here', nerve('c'))
  await waitFor(() => names(entry) === 'a,c')
  t.equal(server.openedCount, 1, 'over one session')
})

test('nerve_sd_configs waits for a server that is down at the start, and uses another one', async t => {
  const server = await startWith(t, 'a')
  server.goAway()
  const entry = await run(t, `{servers: ["127.0.0.1:1", "${server.address}"], paths: [/n]}`)
  await waitFor(() => entry.logged.length > 0)
  t.match(entry.logged[0], /"Discovery has no answer: what was found before stays"/)
  t.match(
    entry.logged[0],
    /127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:\d+: the server closed the connection/,
  )
  t.equal(entry.targets.isComplete, false)
  server.comeBack()
  await waitFor(() => names(entry) === 'a')
  t.equal(entry.logged.length, 2)
  t.match(entry.logged[1], /"Discovery works again"/)
  t.ok((await failures(entry)) >= 2)
})

test('nerve_sd_configs keeps its targets while ZooKeeper is down, and updates them afterwards', async t => {
  const server = await startWith(t, 'a', 'b', 'c')
  await server.put('/gone', nerve('gone'))
  const entry = await run(t, `{servers: ["${server.address}"], paths: [/n, /gone]}`)
  await waitFor(() => names(entry) === 'a,b,c,gone')
  server.goAway()
  await server.remove('/n/a')
  await server.put('/n/b', nerve('changed'))
  await server.put('/n/d', nerve('d'))
  await server.remove('/gone')
  await waitFor(() => entry.logged.length > 0)
  t.equal(names(entry), 'a,b,c,gone', 'what was found stays')
  const before = entry.targets.offered.find(
    ({ discovered }) => discovered.get(`${prefix}endpoint_name`) === 'c',
  )
  server.comeBack()
  // A path that vanished may mean a different ZooKeeper.
  await waitFor(() => names(entry) === 'c,changed,d,gone')
  t.ok(
    entry.targets.offered.some(offered => offered === before),
    'what is the same is not relabelled again',
  )
  await server.put('/gone', '')
  await waitFor(() => names(entry) === 'c,changed,d')
})

test('nerve_sd_configs starts a new session if the old one ended or the server is silent', async t => {
  const server = await startWith(t, 'a')
  server.timeoutMs = 300
  const entry = await run(t, `{servers: ["${server.address}"], paths: [/n]}`)
  await waitFor(() => names(entry) === 'a')

  server.errors.set('/n', -112)
  await server.put('/n/b', nerve('b'))
  await waitFor(() => entry.logged.some(line => line.includes('the session has expired')))
  server.errors.clear()
  await waitFor(() => names(entry) === 'a,b')

  server.isSilent = true
  await waitFor(() => entry.logged.some(line => line.includes('did not answer for')))
  t.equal(names(entry), 'a,b')
  server.isSilent = false
  server.cut()
  await server.put('/n/c', nerve('c'))
  await waitFor(() => names(entry) === 'a,b,c')
})

test('nerve_sd_configs arrives at the current state, whatever happened before', async t => {
  const server = await startWith(t)
  const entry = await run(t, `{servers: ["${server.address}"], paths: [/n, /n/a]}`)
  const paths = ['/n', '/n/a', '/n/b'].flatMap(path => [path, `${path}/a`, `${path}/b`])
  const depthOf = (path: string) => path.split('/').length
  const ordered = [...new Set(paths)].sort((a, b) => depthOf(a) - depthOf(b))
  const members = new Map<string, string>()
  await waitFor(() => entry.targets.isComplete)
  const seed = Date.now()
  t.comment(`seed ${seed}`)
  const pick = fc.record({
    path: fc.constantFrom(...ordered.slice(1)),
    what: fc.integer({ max: 9, min: 0 }),
  })
  const steps = fc.sample(pick, { numRuns: 1_500, seed })
  for (const [i, { path, what }] of steps.entries()) {
    const parent = path.slice(0, path.lastIndexOf('/'))
    if (what < 4) {
      await server.remove(path)
      for (const other of members.keys())
        if (`${other}/`.startsWith(`${path}/`)) members.delete(other)
    } else if (parent === '/n' || members.has(parent)) {
      members.set(path, `m${i}`)
      await server.put(path, nerve(`m${i}`))
    }
    if (what % 3 === 0) await setImmediate()
    if (i % 500 < 499) continue
    const wanted = [...members.values()].sort().join()
    await waitFor(() => names(entry) === wanted)
    t.pass(`after ${i} changes`)
    const { openedCount } = server
    server.cut()
    await waitFor(() => server.openedCount > openedCount)
  }
})

test('nerve_sd_configs keeps a quiet session open', async t => {
  const server = await startWith(t, 'a')
  server.timeoutMs = 1_500
  const entry = await run(t, `{servers: ["${server.address}"], paths: [/n]}`)
  await waitFor(() => names(entry) === 'a')
  await waitFor(() => server.pingCount > 3)
  t.equal(server.openedCount, 1)
})

test('nerve_sd_configs follows the rest if it may not read a node', async t => {
  const server = await startWith(t, 'a', 'secret')
  server.errors.set('/n/secret', -102)
  const entry = await run(t, `{servers: ["${server.address}"], paths: [/n]}`)
  await waitFor(() => names(entry) === 'a')
  t.match(entry.logged.join(''), '/n/secret: no permission to read it')
})

test('nerve_sd_configs reports that no ZooKeeper answers', async t => {
  const address = await startJsonApi(t, () => ({}))
  const entry = await run(t, `{servers: ["${address}"], paths: [/n]}`)
  await waitFor(() => entry.logged.length > 0)
  t.match(
    entry.logged[0],
    /not an answer from ZooKeeper: it is too long for the start of a session/,
  )
})

test('nerve_sd_configs closes its session when it stops, whatever it is doing', async t => {
  const server = await startWith(t, 'a')
  const open = await run(t, `{servers: ["${server.address}"], paths: [/n]}`)
  await waitFor(() => names(open) === 'a')
  await open.targets.stop()
  t.equal(server.closedCount, 1, 'the server is told')
  await waitFor(() => server.clients.size === 0)

  server.isSilent = true
  const opening = await run(t, `{servers: ["${server.address}"], paths: [/n]}`)
  await waitFor(() => server.clients.size === 1)
  const startedMs = performance.now()
  await opening.targets.stop()
  t.ok(performance.now() - startedMs < 4_000, 'no session is waited for')
  await waitFor(() => server.clients.size === 0)

  server.isSilent = false
  const hanging = await run(t, `{servers: ["${server.address}"], paths: [/n]}`)
  await waitFor(() => names(hanging) === 'a')
  server.isSilent = true
  await hanging.targets.stop()
  await waitFor(() => server.clients.size === 0)

  const away = await run(t, '{servers: ["127.0.0.1:1"], paths: [/n]}')
  await waitFor(() => away.logged.length > 0)
  await away.targets.stop()
})

test('nerve_sd_configs pauses longer and longer while a server accepts connections and closes them', async t => {
  let count = 0
  const server = createServer(socket => {
    count++
    socket.destroy()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  await run(t, `{servers: ["127.0.0.1:${port}"], paths: [/n]}`)
  await new Promise(resolve => setTimeout(resolve, 1_000))
  t.ok(count >= 1 && count <= 3, `${count} connections in a second`)
})

test('nerve_sd_configs and serverset_sd_configs refuse invalid entries and report the line', async t => {
  for (const key of ['nerve_sd_configs', 'serverset_sd_configs']) {
    const problem = (entry: string) => problemOfEntry(key, entry)
    t.equal(await problem('{servers: [zk], paths: [/]}'), '')
    t.equal(
      await problem('{servers: ["zk:2181", "[::1]:2181"], paths: [/a/b, /c], timeout: 5s}'),
      '',
    )
    t.match(await problem('{}'), new RegExp(`a\\.yaml:4:\\d+: ${key} needs servers such as \\[zoo`))
    t.match(await problem('{servers: [zk]}'), new RegExp(`a\\.yaml:4:\\d+: ${key} needs paths`))
    t.match(
      await problem('{servers: [], paths: [/a]}'),
      new RegExp(`a\\.yaml:4:\\d+: ${key} needs servers`),
    )
    for (const server of [
      '"zk:2181/chroot"',
      '"zk:0"',
      '"zk:99999"',
      '"http://zk"',
      '"a b"',
      '""',
    ]) {
      t.match(
        await problem(`{servers: [${server}], paths: [/a]}`),
        /a\.yaml:4:\d+: \S+\.servers\[0\] must be an address of ZooKeeper/,
      )
    }
    for (const path of ['a', '/a/', '//a', '/a//b', '/./a', '/a/..', '""']) {
      t.match(
        await problem(`{servers: [zk], paths: [${path}]}`),
        /a\.yaml:4:\d+: \S+\.paths\[0\] must be a ZooKeeper path/,
      )
    }
    t.match(
      await problem('{servers: [zk], paths: [/a], timeout: soon}'),
      /timeout must be a duration/,
    )
    t.match(
      await problem('{servers: [zk], paths: [/a], port: 1}'),
      /a\.yaml:4:\d+: Unknown key port/,
    )
    t.match(
      await problem('{servers: zk, paths: [/a]}'),
      /a\.yaml:4:\d+: \S+\.servers must be a list/,
    )
  }
})
