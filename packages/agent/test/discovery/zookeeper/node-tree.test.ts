// Uses a session with the small server.

import { type Test, test } from 'tap'
import { NodeTree, type TreeLimits } from '../../../src/discovery/zookeeper/node-tree.ts'
import { openSession } from '../../../src/discovery/zookeeper/session.ts'
import { treeLimits } from '../../../src/limits.ts'
import { waitFor } from '../../harness.ts'
import { startZookeeperServer, type ZookeeperServer } from './zookeeper-server.ts'

/** Follows `/n`. Every node with data is a member. */
async function follow(t: Test, server: ZookeeperServer, limits: Partial<TreeLimits> = {}) {
  let tree: NodeTree | undefined
  let tellings = 0
  const [host = '', port] = server.address.split(':')
  const session = await openSession({
    ...{ server: { host, port: Number(port) }, timeoutMs: 10_000 },
    signal: new AbortController().signal,
    onChange: path => tree?.noteChange(path),
  })
  tree = new NodeTree({
    ...{ session, paths: ['/n'], limits: { ...treeLimits, ...limits }, retryMs: 50 },
    readGroup: (path, data) =>
      data.length > 0 ? { source: path, labels: new Map(), targets: [] } : undefined,
    onChange: () => {
      tellings++
    },
  })
  tree.start()
  t.teardown(async () => {
    tree.stop()
    await session.close()
  })
  await waitFor(() => tellings > 0)
  const paths = () => [...tree.groups().keys()].sort().join()
  return { tree, paths, until: (wanted: string) => waitFor(() => paths() === wanted) }
}

async function startWith(t: Test, nodes: Readonly<Record<string, string | Buffer>>) {
  const server = await startZookeeperServer(t)
  await server.put('/n', '')
  for (const [path, data] of Object.entries(nodes)) await server.put(path, data)
  return server
}

test('NodeTree limits the number of nodes, reports how many it left out, and adds them when there is room', async t => {
  const server = await startWith(t, { '/n/c': 'c', '/n/a': 'a', '/n/b': 'b', '/n/b/d': 'd' })
  const { tree, paths, until } = await follow(t, server, { nodeCountMax: 3 })
  t.equal(paths(), '/n/a,/n/b')
  const reason = 'of its children are left out: the limit of 3 nodes or 16777216 bytes is reached'
  t.equal(tree.problem, `/n: 1 ${reason}; /n/b: 1 ${reason}`)
  await server.remove('/n/a')
  await until('/n/b,/n/c')
  await server.remove('/n/b')
  await until('/n/c')
  await waitFor(() => tree.problem === undefined)
})

test('NodeTree leaves out overlong data', async t => {
  const server = await startWith(t, { '/n/a': 'a'.repeat(11), '/n/a/b': 'b' })
  const { tree, paths, until } = await follow(t, server, { nodeBytesMax: 10 })
  t.equal(paths(), '/n/a/b')
  t.equal(tree.problem, '/n/a: its data has 11 bytes, more than the limit of 10')
  await server.put('/n/a', 'a'.repeat(10))
  await until('/n/a,/n/a/b')
  t.equal(tree.problem, undefined)
})

test('NodeTree limits the number of bytes', async t => {
  const server = await startWith(t, { '/n/a': 'a'.repeat(50), '/n/b': 'b'.repeat(50) })
  const { tree, paths, until } = await follow(t, server, { treeBytesMax: 100 })
  t.match(paths(), /^\/n\/[ab]$/)
  t.match(
    tree.problem,
    /^\/n\/[ab]: is left out: the members have more than the limit of 100 bytes$/,
  )
  await server.put('/n/a', '')
  await until('/n/b')
  await waitFor(() => tree.problem === undefined)
  await server.put(`/n/${'long'.repeat(30)}`, 'c')
  await waitFor(() => tree.problem?.startsWith('/n: 1 of its children are left out') ?? false)
})

test('NodeTree continues after an overlong answer', async t => {
  const huge = Buffer.alloc(5 * 1024 * 1024, 'x')
  const server = await startWith(t, { '/n/a': huge, '/n/a/b': 'b', '/n/c': 'c' })
  const { tree, paths, until } = await follow(t, server)
  t.equal(paths(), '/n/a/b,/n/c')
  t.equal(tree.problem, '/n/a: the answer of ZooKeeper is too long')
  await server.put('/n/a', 'a')
  await until('/n/a,/n/a/b,/n/c')
  t.equal(tree.problem, undefined)
  t.equal(server.openedCount, 1, 'over the same session')
})

test('NodeTree reads 5,000 nodes, and then only those that change', async t => {
  const names = Array.from({ length: 5_000 }, (_, i) => `/n/${i}`)
  const server = await startWith(t, Object.fromEntries(names.map(path => [path, 'm'])))
  const { tree, until } = await follow(t, server)
  t.equal(tree.groups().size, 5_000)
  t.equal(server.asked.length, 2 * 5_001)
  await server.put('/n/7', '')
  await until(
    names
      .filter(path => path !== '/n/7')
      .sort()
      .join(),
  )
  t.same(server.asked.slice(2 * 5_001), ['4 /n/7', '8 /n/7'])
})

test('NodeTree reports which nodes it could not read', async t => {
  const server = await startWith(t, { '/n/a': 'a', '/n/b': 'b' })
  server.errors.set('/n/b', -102)
  const { tree, paths, until } = await follow(t, server)
  t.equal(paths(), '/n/a')
  t.same([...tree.unseenPaths()], ['/n/b'])
  server.errors.clear()
  await until('/n/a,/n/b')
  t.same([...tree.unseenPaths()], [])
  await server.remove('/n')
  await until('')
  t.equal(tree.problem, '/n: does not exist')
  t.same([...tree.unseenPaths()], [], 'it was seen before')
})
