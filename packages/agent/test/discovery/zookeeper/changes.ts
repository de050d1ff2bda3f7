// Changes that nerve_sd_configs must follow, with the small server and a real ZooKeeper.

import type { Test } from 'tap'
import { waitFor } from '../../harness.ts'
import { runEntry } from '../job-entry.ts'
import type { TestZookeeper } from './zookeeper-server.ts'

/** Returns a member's data as Nerve writes it. */
export const nerve = (name: string, port = 8080) =>
  JSON.stringify({ host: '10.0.0.1', port, name, weight: 1 })

/** Members come, change, disappear, and nest inside one another. */
export async function followChanges(t: Test, zookeeper: TestZookeeper): Promise<void> {
  await zookeeper.put('/services', '')
  await zookeeper.put('/services/web', '')
  await zookeeper.put('/services/web/a', nerve('a'))
  const { found } = await runEntry(t, {
    key: 'nerve_sd_configs',
    entry: `{servers: ["${zookeeper.address}"], paths: [/services]}`,
  })
  const until = (...wanted: string[]) =>
    waitFor(() => {
      const all = found('__meta_nerve_').map(
        ({ path, endpoint_name: name, __address__: address }) => `${path} ${name} ${address}`,
      )
      return all.sort().join() === wanted.join()
    })
  const a = '/services/web/a a 10.0.0.1:8080'
  await until(a)
  await zookeeper.put('/services/web/b', nerve('b'))
  await until(a, '/services/web/b b 10.0.0.1:8080')
  await zookeeper.put('/services/web/b', nerve('b', 81))
  await until(a, '/services/web/b b 10.0.0.1:81')
  await zookeeper.put('/services/db', nerve('db'))
  await zookeeper.put('/services/db/shard', '')
  await zookeeper.put('/services/db/shard/c', nerve('c'))
  const nested = ['/services/db db 10.0.0.1:8080', '/services/db/shard/c c 10.0.0.1:8080']
  await until(...nested, a, '/services/web/b b 10.0.0.1:81')
  await zookeeper.put('/services/web/b', 'no member any more')
  await until(...nested, a)
  await zookeeper.put('/services/web/b', nerve('again'))
  await until(...nested, a, '/services/web/b again 10.0.0.1:8080')
  await zookeeper.remove('/services/db')
  await until(a, '/services/web/b again 10.0.0.1:8080')
  await zookeeper.remove('/services/web/a')
  await zookeeper.put('/services/web/a', nerve('new'))
  await until('/services/web/a new 10.0.0.1:8080', '/services/web/b again 10.0.0.1:8080')
  t.pass('all changes were seen')
}
