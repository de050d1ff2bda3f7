// Runs a real Loki (from the PATH) as one process, for tests that read from it.

import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestScope } from './harness.ts'
import { loopbackHost, reservePort } from './skald-process.ts'

const hasLoki = spawnSync('loki', ['-version']).error === undefined

/** Options of a test that needs Loki. Without Loki, it is skipped with a reason. */
export const needsLoki = hasLoki ? {} : { skip: 'there is no loki on the PATH' }

/**
 * Starts a Loki that stores everything below `dir`, and reads rules from `dir/rules`. Returns its URL.
 *
 * @param more Further blocks of its configuration.
 */
export async function startLoki(t: TestScope, dir: string, more = ''): Promise<string> {
  const [port, grpcPort] = [await reservePort(), await reservePort()]
  const config = join(dir, 'loki.yaml')
  writeFileSync(
    config,
    `auth_enabled: false
analytics: {reporting_enabled: false}
server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${port}
  grpc_listen_address: ${loopbackHost}
  grpc_listen_port: ${grpcPort}
  log_level: warn
common:
  instance_addr: ${loopbackHost}
  path_prefix: ${dir}
  storage: {filesystem: {chunks_directory: ${dir}/chunks, rules_directory: ${dir}/rules}}
  replication_factor: 1
  ring: {kvstore: {store: inmemory}}
schema_config:
  configs:
    - from: 2020-10-24
      store: tsdb
      object_store: filesystem
      schema: v13
      index: {prefix: index_, period: 24h}
${more}`,
  )
  const loki = spawn('loki', [`-config.file=${config}`], { cwd: dir })
  t.teardown(() => loki.kill('SIGKILL'))
  let log = ''
  loki.stderr.on('data', chunk => {
    log = `${log}${chunk}`.slice(-4000)
  })
  const url = `http://${loopbackHost}:${port}`
  for (let i = 0; i < 600 && loki.exitCode === null; i++) {
    if (await fetch(`${url}/ready`).then(isOk, () => false)) return url
    await sleep(100)
  }
  throw new Error(`Loki is not ready: ${log}`)
}

async function isOk(response: Response): Promise<boolean> {
  await response.arrayBuffer()
  return response.ok
}
