// A store that speaks TLS: clients that trust its certificate push, ask and tail.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { t as root, type Test, test } from 'tap'
import { WebSocket } from 'ws'
import { makeCertificates } from '../test/certificates.ts'
import { cleanEnv, reservePort, skaldCommand, spawnSkald, untilOutput } from './skald-process.ts'

root.setTimeout(90_000)
const run = promisify(execFile)

/** Starts `skald store` or `skald all` with the certificate in a directory. */
async function start(t: Test, dir: string, command: 'store' | 'all', tls = '') {
  const port = await reservePort()
  const config = join(dir, 'store.yaml')
  writeFileSync(
    config,
    `auth_enabled: false
server:
  http_listen_address: 127.0.0.1
  http_listen_port: ${port}
  http_tls_config: {cert_file: ${dir}/server.crt, key_file: ${dir}/server.key${tls}}
common: {path_prefix: ${dir}/${command}}
`,
  )
  const args = [command, `-config.file=${config}`]
  const skald = spawnSkald({ args, outputFile: join(dir, `${command}.log`) })
  t.teardown(() => skald.end('SIGTERM'))
  return { skald, config, port, url: `https://127.0.0.1:${port}` }
}

test('a store speaks TLS with agents, curl, skald query and live tails', async t => {
  const dir = t.testdir()
  makeCertificates(dir)
  const { skald, config, port, url } = await start(t, dir, 'store')
  await untilOutput(skald, 'store is ready')
  t.match(skald.output(), /the certificate expires on 20/)
  t.match(
    (await run(skaldCommand, ['check', config], { env: cleanEnv() })).stdout,
    /expires on .*: valid|valid store/s,
  )

  const tail = new WebSocket(`wss://127.0.0.1:${port}/loki/api/v1/tail?query={job="tls"}`, {
    ca: readFileSync(join(dir, 'ca.crt')),
  })
  await once(tail, 'open')
  const tailed = once(tail, 'message')

  const log = join(dir, 'app.log')
  writeFileSync(log, '')
  const agentConfig = join(dir, 'agent.yaml')
  writeFileSync(
    agentConfig,
    `server: {http_listen_address: 127.0.0.1, http_listen_port: ${await reservePort()}}
positions: {filename: ${dir}/positions.yaml}
clients: [{url: "${url}/loki/api/v1/push", batchwait: 100ms, tls_config: {ca_file: ${dir}/ca.crt}}]
scrape_configs:
  - job_name: tls
    static_configs: [{labels: {job: tls, __path__: ${log}}}]
`,
  )
  const agent = spawnSkald({
    args: ['agent', `-config.file=${agentConfig}`],
    outputFile: join(dir, 'agent.log'),
  })
  t.teardown(() => agent.end('SIGTERM'))
  appendFileSync(log, 'a line over TLS\n')
  t.match(String((await tailed)[0]), /a line over TLS/)
  tail.terminate()

  const curl = ['-fsS', '--cacert', join(dir, 'ca.crt'), '-G', `${url}/loki/api/v1/query_range`]
  const { stdout } = await run('curl', [...curl, '--data-urlencode', 'query={job="tls"}'])
  t.match(JSON.parse(stdout).data.result, [{ values: [[/^\d+$/, 'a line over TLS']] }])
  const env = { ...cleanEnv(), NODE_EXTRA_CA_CERTS: join(dir, 'ca.crt') }
  const asked = await run(skaldCommand, ['query', '--url', url, '{job="tls"}'], { env })
  t.match(asked.stdout, /a line over TLS/)
  t.match((await run('curl', [...curl.slice(0, 3), `${url}/metrics`])).stdout, /_days_left 1\.9/)
  await t.rejects(
    run('curl', ['-fsS', `${url}/ready`]),
    /certificate/,
    'a client without the authority',
  )
  await t.rejects(run('curl', ['-fsS', `http://127.0.0.1:${port}/ready`]), 'plain HTTP')
  await agent.end('SIGTERM')
  await skald.end('SIGTERM')
  t.match(await skald.exited, { code: 0 })
})

test('the agent of skald all reaches its own store over TLS', async t => {
  const dir = t.testdir()
  makeCertificates(dir)
  const { skald, url } = await start(t, dir, 'all')
  await untilOutput(skald, 'Skald answers on https://')
  const ask = ['-fsS', '--cacert', join(dir, 'ca.crt'), `${url}/agent/ready`]
  await t.resolves(
    run('curl', ['--retry', '20', '--retry-all-errors', '--retry-delay', '1', ...ask]),
  )
  // It says so once it has sent lines.
  t.notMatch(skald.output(), /Cannot send batch/)
})

test('a store whose key belongs to another certificate does not start, and says so', async t => {
  const dir = t.testdir()
  makeCertificates(dir)
  writeFileSync(join(dir, 'server.key'), readFileSync(join(dir, 'client.key')))
  const { skald, config } = await start(t, dir, 'store')
  t.match(await skald.exited, { code: 1 })
  const message = /server\.crt and .*server\.key for TLS: the key belongs to another certificate/
  t.match(skald.output(), message)
  await t.rejects(run(skaldCommand, ['check', config], { env: cleanEnv() }), message)
})
