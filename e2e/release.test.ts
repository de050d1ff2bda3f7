// A release, built without publishing: the content of its files, and whether the installed packages
// run.

import { execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { parse } from 'yaml'
import { imageTags } from '../release/build.ts'
import { currentVersion, setVersion, versionProblems } from '../release/version.ts'
import { needsHelm } from './chart/helm.ts'
import { cleanEnv, loopbackHost, reservePort, rootDir } from './skald-process.ts'

root.setTimeout(240_000)
const run = promisify(execFile)
const chartUrl = '--chart-url=https://charts.example.org/skald'

/** An agent configuration with every kind of discovery and source. */
const everyKind = `
clients: [{url: 'http://127.0.0.1:3100/loki/api/v1/push'}]
scrape_configs:
  - job_name: discovery
    pipeline_stages:
      - match: {selector: '{app="shop"}', stages: [{template: {source: a, template: '{{ .Value }}'}}]}
    file_sd_configs: [{files: ['*.yaml']}]
    kubernetes_sd_configs: [{role: pod}]
    docker_sd_configs: [{host: 'unix:///var/run/docker.sock'}]
    dockerswarm_sd_configs: [{host: 'unix:///var/run/docker.sock', role: tasks}]
    consul_sd_configs: [{server: 'localhost:8500'}]
    consulagent_sd_configs: [{server: 'localhost:8500'}]
    dns_sd_configs: [{names: [example.org]}]
    marathon_sd_configs: [{servers: ['http://localhost:8080']}]
    nerve_sd_configs: [{servers: ['localhost:2181'], paths: [/services]}]
    serverset_sd_configs: [{servers: ['localhost:2181'], paths: [/services]}]
  - {job_name: gelf, gelf: {}}
  - {job_name: journal, journal: {}}
  - {job_name: kafka, kafka: {brokers: ['localhost:9092'], topics: [logs]}}
  - {job_name: push, loki_push_api: {server: {http_listen_port: 3500}}}
  - {job_name: syslog, syslog: {listen_address: '127.0.0.1:1514'}}
  - {job_name: events, windows_events: {eventlog_name: Application}}
`

/**
 * Runs a program without the test runner's additions for Node, which other Node versions do not
 * accept.
 */
function runPlain(...command: string[]): Promise<{ stdout: string; stderr: string }> {
  return run('env', ['-u', 'NODE_OPTIONS', ...command], { env: cleanEnv() })
}

test('the same version is written everywhere', async t => {
  t.same(versionProblems(), [])
})

test('a new version is written everywhere, and into the CHANGELOG', async t => {
  const dir = t.testdir()
  const files = execFileSync(
    'git',
    ['ls-files', '*package.json', '*/Chart.yaml', 'docs', 'examples/kubernetes'],
    {
      cwd: rootDir,
      encoding: 'utf8',
    },
  )
  for (const file of [...files.trim().split('\n'), 'package-lock.json', 'CHANGELOG.md']) {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    cpSync(join(rootDir, file), join(dir, file))
  }
  setVersion('7.8.9-rc.1', { root: dir, date: '2027-01-02' })
  t.equal(currentVersion(dir), '7.8.9-rc.1')
  t.same(versionProblems(dir), [])
  t.match(readFileSync(join(dir, 'docs/kubernetes.md'), 'utf8'), '/skald:7.8.9-rc.1\n')
  const manifest = readFileSync(join(dir, 'examples/kubernetes/skald.yaml'), 'utf8')
  t.match(manifest, 'image: skald:7.8.9-rc.1\n')
  t.match(manifest, 'helm.sh/chart: skald-7.8.9-rc.1\n')
  t.match(manifest, 'app.kubernetes.io/version: 7.8.9-rc.1\n')
  t.match(
    readFileSync(join(dir, 'CHANGELOG.md'), 'utf8'),
    '## Unreleased\n\n## 7.8.9-rc.1 (2027-01-02)\n',
  )
  const lock = JSON.parse(readFileSync(join(dir, 'package-lock.json'), 'utf8'))
  t.equal(lock.packages['packages/store'].version, '7.8.9-rc.1')
  t.equal(lock.packages['packages/store'].dependencies['@skald/wire'], '7.8.9-rc.1')
  t.equal(lock.packages['node_modules/fastify'].version.split('.').length, 3)
  t.throws(() => setVersion('7.8.9-rc.1', { root: dir, date: '' }), /is already the version/)
  t.throws(() => setVersion('next', { root: dir, date: '' }), /is not a version/)
  const chart = join(dir, 'charts/skald/Chart.yaml')
  writeFileSync(
    chart,
    readFileSync(chart, 'utf8').replace('appVersion: 7.8.9-rc.1', 'appVersion: 7.8.8'),
  )
  t.same(versionProblems(dir), ['Chart.yaml appVersion: 7.8.8, expected 7.8.9-rc.1'])
})

test('tags of the image', async t => {
  t.same(imageTags('1.2.3'), ['1.2.3', '1.2', 'latest'])
  t.same(imageTags('1.2.3-rc.1'), ['1.2.3-rc.1'])
})

test(
  'a release contains a working package, the chart with its index, and checksums',
  needsHelm,
  async t => {
    const dir = t.testdir()
    const outDir = join(dir, 'dist')
    const version = currentVersion()
    const build = () =>
      runPlain(
        process.execPath,
        join(rootDir, 'release/main.ts'),
        'build',
        `--out=${outDir}`,
        chartUrl,
      )
    const files = (await build()).stdout.trim().split('\n')
    t.same(files, [
      `charts/index.yaml`,
      `charts/skald-${version}.tgz`,
      'image-tags.txt',
      `skald-${version}.tgz`,
      'SHA256SUMS',
    ])
    t.same(
      readdirSync(outDir).filter(name => name.startsWith('.')),
      [],
      'nothing is left behind',
    )
    for (const line of readFileSync(join(outDir, 'SHA256SUMS'), 'utf8').trim().split('\n')) {
      const [sum, file = ''] = line.split('  ')
      const content = readFileSync(join(outDir, file))
      t.equal(createHash('sha256').update(content).digest('hex'), sum, file)
    }
    const index = parse(readFileSync(join(outDir, 'charts/index.yaml'), 'utf8'))
    t.match(index.entries.skald, [
      { version, urls: [`https://charts.example.org/skald/skald-${version}.tgz`] },
    ])
    await t.rejects(build(), /is not empty/)

    const installDir = join(dir, 'installed')
    mkdirSync(installDir)
    writeFileSync(join(installDir, 'package.json'), '{"private": true}')
    await runPlain(
      ...['npm', 'install', '--prefix', installDir, '--prefer-offline', '--no-audit', '--no-fund'],
      ...['--ignore-scripts', join(outDir, `skald-${version}.tgz`)],
    )
    const packageDir = join(installDir, 'node_modules/skald')
    t.same(
      readdirSync(packageDir, { recursive: true, encoding: 'utf8' }).filter(path =>
        /(?<!\.d)\.ts$|\/test\//.test(path),
      ),
      [],
      'JavaScript only',
    )
    for (const name of ['LICENSE', 'LICENSES.txt']) t.ok(existsSync(join(packageDir, name)), name)
    for (const name of ['fastify', 'pino', '@skald']) {
      t.notOk(existsSync(join(installDir, 'node_modules', name)), `${name} is in the bundle`)
    }
    const skald = join(installDir, 'node_modules/.bin/skald')
    // The project's Node represents the user's.
    const path = `${dirname(join(rootDir, 'node_modules/node/bin/node'))}:${process.env.PATH}`
    const env = { ...process.env, ...cleanEnv(), PATH: path }
    const { stdout } = await run(skald, ['version'], { env })
    t.equal(stdout, `skald, version ${version}\n`)
    const agentConfig = join(dir, 'agent.yaml')
    writeFileSync(agentConfig, everyKind)
    t.match((await run(skald, ['check', agentConfig], { env })).stdout, 'valid agent configuration')
    const port = await reservePort()
    const url = `http://${loopbackHost}:${port}`
    const output = openSync(join(dir, 'store.log'), 'a')
    const store = spawn(
      skald,
      [
        'store',
        `-common.path-prefix=${join(dir, 'data')}`,
        `-server.http-listen-address=${loopbackHost}`,
        `-server.http-listen-port=${port}`,
      ],
      { env, stdio: ['ignore', output, output] },
    )
    t.teardown(() => store.kill('SIGKILL'))
    for (let i = 0; i < 300; i++) {
      if (
        await fetch(`${url}/ready`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        break
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    t.match(
      await (await fetch(`${url}/`)).text(),
      '<div id="app">',
      'the package contains the page',
    )
    const values = [[`${Date.now()}000000`, 'compiled level=info']]
    const pushed = await fetch(`${url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ streams: [{ stream: { app: 'shop' }, values }] }),
    })
    t.equal(pushed.status, 204, readFileSync(join(dir, 'store.log'), 'utf8'))
    // Runs threads: a merge, and the scans of a query.
    t.equal((await fetch(`${url}/flush`, { method: 'POST' })).status, 204)
    const asked = await run(
      skald,
      ['query', `--url=${url}`, '--output=raw', '{app="shop"} | logfmt | level="info"'],
      { env },
    )
    t.equal(asked.stdout, 'compiled level=info\n')
    store.kill('SIGTERM')
    if (store.exitCode === null) await new Promise(resolve => store.once('exit', resolve))
    const log = readFileSync(join(dir, 'store.log'), 'utf8')
    t.equal(store.exitCode, 0, log)
    t.match(log, /snappy"?[=:]"?wasm/, 'the package contains its WebAssembly')
  },
)
