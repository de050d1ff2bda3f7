// `skald tail`, `query` and `export` as processes: over TLS, against a store that is killed and comes back.

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { makeCertificates } from '../test/certificates.ts'
import { cleanEnv, reservePort, skaldCommand, spawnSkald, untilOutput } from './skald-process.ts'

root.setTimeout(90_000)
const run = promisify(execFile)

test('a tail over TLS comes back after its store was killed, and shows each line once', async t => {
  const dir = t.testdir()
  makeCertificates(dir)
  const port = await reservePort()
  const url = `https://127.0.0.1:${port}`
  const config = join(dir, 'store.yaml')
  writeFileSync(
    config,
    `auth_enabled: false
server:
  http_listen_address: 127.0.0.1
  http_listen_port: ${port}
  http_tls_config: {cert_file: ${dir}/server.crt, key_file: ${dir}/server.key}
common: {path_prefix: ${dir}/data}
`,
  )
  const startStore = () =>
    spawnSkald({ args: ['store', `-config.file=${config}`], outputFile: join(dir, 'store.log') })
  let store = startStore()
  t.teardown(() => store.end('SIGTERM'))
  const env = { SKALD_URL: url, SKALD_CA: join(dir, 'ca.crt') }
  const ask = async (...args: string[]) =>
    (await run(skaldCommand, args, { env: { ...cleanEnv(), ...env } })).stdout
  const push = async (app: string, line: string) => {
    const values = [[`${Date.now()}000000`, line]]
    const body = JSON.stringify({ streams: [{ stream: { app }, values }] })
    const args = [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--cacert',
      env.SKALD_CA,
      '--retry',
      '50',
      '--retry-delay',
      '1',
      '--retry-all-errors',
    ]
    const { stdout } = await run('curl', [
      ...args,
      '-H',
      'Content-Type: application/json',
      '-d',
      body,
      `${url}/loki/api/v1/push`,
    ])
    t.equal(stdout, '204', line)
  }
  await push('a', 'a before')
  const tail = spawnSkald({
    args: ['tail', '{app="a"}', '{app="b"} |= "b"', '--since=10m'],
    ...{ outputFile: join(dir, 'tail.log'), env },
  })
  t.teardown(() => tail.end('SIGTERM'))
  const untilShown = (text: string) => untilOutput(tail, text)
  await untilShown('a before')
  await push('b', 'b live')
  await untilShown('b live')
  await store.end('SIGKILL')
  store = startStore()
  await push('a', 'a after')
  await push('b', 'b after')
  await untilShown('a after')
  await untilShown('b after')
  const output = tail.output()
  t.match(output, /The connection to https:\S+ broke: trying again/)
  for (const line of ['a before', 'b live', 'a after', 'b after'])
    t.equal(output.split(line).length, 2, `${line} once`)
  t.match(output, /^\[1\] \S+ \{.*app="a".*\} a before$/m, 'which query found it')
  t.match(output, /^\[2\] \S+ \{.*\} b live$/m)
  await tail.end('SIGTERM')
  t.equal((await tail.exited).code, 0)

  t.equal(await ask('query', '{app="a"}', '--since=10m', '-o', 'raw'), 'a before\na after\n')
  const file = join(dir, 'out.jsonl')
  await ask('export', '{app=~".+"}', '--file', file)
  t.equal(readFileSync(file, 'utf8').trim().split('\n').length, 4)
  const wrong = await ask('tail', '{app=').catch((error: { code: number; stderr: string }) => error)
  t.match(wrong, { code: 1, stderr: /answered 400: parse error/ })
  const metric = await ask('tail', 'rate({app="a"}[1m])').catch((error: object) => error)
  t.match(metric, { code: 1, stderr: /answered \d+: / })
  const untrusted = await run(skaldCommand, ['query', '{app="a"}', '--url', url], {
    env: cleanEnv(),
  }).catch((error: object) => error)
  t.match(untrusted, { code: 1, stderr: /^Cannot ask https:.*certificate/ })
})
