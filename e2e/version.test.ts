// The version is defined once, and everything that reports it agrees.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'tap'
import { currentVersion } from '../release/version.ts'
import { reservePort, rootDir, skaldCommand, spawnSkald, waitUntilReady } from './skald-process.ts'

const version = currentVersion()

test('no source file has its own version', async t => {
  const files = execFileSync('git', ['ls-files', 'packages/*/src', 'Dockerfile'], {
    cwd: rootDir,
    encoding: 'utf8',
  })
  const repeats = files
    .trim()
    .split('\n')
    .filter(name =>
      new RegExp(`(?<![\\d.])${version.replaceAll('.', '\\.')}(?![\\d.])`).test(
        readFileSync(join(rootDir, name), 'utf8'),
      ),
    )
  t.same(repeats, [])
})

test('command line, pushes, metrics and chart report the version of package.json', async t => {
  const dir = t.testdir({ 'a.log': 'one\n' })
  let userAgent: string | undefined
  const server = createServer((request, response) => {
    userAgent = request.headers['user-agent']
    response.writeHead(204).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const httpPort = await reservePort()
  writeFileSync(
    join(dir, 'agent.yaml'),
    `server: {http_listen_address: 127.0.0.1, http_listen_port: ${httpPort}}
positions: {filename: ${dir}/positions.yaml}
clients: [{url: "http://127.0.0.1:${port}/loki/api/v1/push", batchwait: 50ms}]
scrape_configs:
  - job_name: files
    static_configs: [{labels: {__path__: ${dir}/*.log}}]
`,
  )
  const agent = spawnSkald({
    args: ['agent', `-config.file=${dir}/agent.yaml`],
    outputFile: join(dir, 'out'),
  })
  t.teardown(() => agent.end('SIGKILL'))
  await waitUntilReady(agent, `http://127.0.0.1:${httpPort}/ready`, 20_000)
  for (let i = 0; i < 100 && userAgent === undefined; i++) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  t.equal(userAgent, `skald-agent/${version}`)
  const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text()
  t.match(metrics, `promtail_build_info{version="${version}"`)
  await agent.end('SIGTERM')
  for (const args of [
    ['version'],
    ['store', '-version'],
    ['agent', '-version'],
    ['all', '-version'],
  ]) {
    const said = execFileSync(skaldCommand, args, { encoding: 'utf8' })
    t.match(said, `version ${version}\n`, args.join(' '))
  }
  const chart = readFileSync(join(rootDir, 'charts/skald/Chart.yaml'), 'utf8')
  t.match(chart, `\nversion: ${version}\nappVersion: ${version}\n`)
})
