// Checks which modules a store loads: those for a bucket, for replicas, for rules, for users, and for receivers with ports of
// their own only if its configuration names them.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { loadedModules } from './loaded-modules.ts'
import { loopbackHost, reservePort, rootDir, spawnSkald, waitUntilReady } from './skald-process.ts'

test('a store without a bucket, without rules and without users loads nothing of them', async t => {
  const dir = t.testdir()
  const port = await reservePort()
  const config = join(dir, 'store.yaml')
  writeFileSync(
    config,
    `server: {http_listen_address: ${loopbackHost}, http_listen_port: ${port}}
common: {path_prefix: ${JSON.stringify(join(dir, 'data'))}}
schema_config: {configs: [{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13}]}
storage_config: {aws: {bucketnames: not-in-use}}
`,
  )
  const record = join(dir, 'modules.txt')
  const store = spawnSkald({
    args: ['store', `-config.file=${config}`],
    outputFile: join(dir, 'store.log'),
    env: {
      NODE_OPTIONS: `--import=${join(rootDir, 'e2e/module-record.ts')}`,
      SKALD_MODULE_RECORD: record,
    },
  })
  t.teardown(() => store.end('SIGTERM'))
  await waitUntilReady(store, `http://${loopbackHost}:${port}/ready`, 30_000)
  await store.end('SIGTERM')
  const loaded = loadedModules(record)
  t.ok(loaded.some(path => path.includes('packages/store/src/storage.ts')))
  t.same(
    loaded.filter(path =>
      /@aws-sdk|@smithy|node_modules\/(pg|jose|bcryptjs)|packages\/store\/src\/(bucket|rules|scaled|receivers\/(syslog|otlp-grpc))\/|\/(authenticator|auth-guard)\.ts/.test(
        path,
      ),
    ),
    [],
  )
})
