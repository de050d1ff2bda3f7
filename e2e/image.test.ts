// The image: the commands of the Dockerfile build its file tree, and both roles start in it as a
// user who is not root, with write access only to the data directory.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { environmentOf, execForm, parseDockerfile } from './image/dockerfile.ts'
import {
  addMountPoints,
  assembleStage,
  buildStage,
  inTree,
  obstacle,
  systemMounts,
  treeBytes,
  type View,
} from './image/file-tree.ts'
import { loopbackHost, reservePort, rootDir } from './skald-process.ts'

root.setTimeout(300_000)
const run = promisify(execFile)
const reason = obstacle()
const options = reason === undefined ? {} : { skip: `no file tree can be made: ${reason}` }
const user = '10001'

/** Libraries of glibc and GCC that make up gcr.io/distroless/cc. */
const baseLibraries = /^(ld-linux[\w-]*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+))$/

test('the Dockerfile says what runs, as which user, and how its health is checked', async t => {
  const stages = parseDockerfile(readFileSync(join(rootDir, 'Dockerfile'), 'utf8'))
  t.equal(stages.length, 2)
  const [build, final] = stages
  t.match(build!.base, /^node:24-/)
  const told = (name: string) => final!.instructions.find(found => found.name === name)?.rest
  t.equal(told('USER'), `${user}:${user}`)
  t.equal(told('VOLUME'), '/data')
  t.equal(told('RUN'), undefined, 'there is no shell')
  t.equal(execForm(final!, 'ENTRYPOINT')[0], 'node')
  t.equal(execForm(final!, 'HEALTHCHECK').at(-1), 'ready')
})

test('store and agent start in the file tree of the image', options, async t => {
  const dir = t.testdir()
  const [build, final] = parseDockerfile(readFileSync(join(rootDir, 'Dockerfile'), 'utf8'))
  const buildTree = join(dir, 'build')
  const tree = join(dir, 'image')
  buildStage(build!, buildTree)
  assembleStage(final!, buildTree, tree)
  t.teardown(() => {
    for (const path of [buildTree, tree]) rmSync(path, { recursive: true, force: true })
  })

  const megabytes = (path: string) => Math.round(treeBytes(path) / 1e6)
  const [all, node, cache] = [
    tree,
    join(tree, 'usr/local/bin/node'),
    join(tree, 'skald/cache'),
  ].map(megabytes)
  t.comment(
    `the tree holds ${all} MB: Node ${node} MB, compile cache ${cache} MB; the base image comes on top`,
  )
  t.ok(all! < 160, `${all} MB`)
  const told = readFileSync(join(rootDir, 'docs/releases.md'), 'utf8').match(/holds (\d+) MB/)?.[1]
  t.ok(
    Math.abs(Number(told) / all! - 1) < 0.04,
    `${all} MB, of which docs/releases.md says ${told}`,
  )
  const sbom = JSON.parse(readFileSync(join(tree, 'skald/sbom.spdx.json'), 'utf8'))
  t.ok(sbom.packages.some(({ name }: { name: string }) => name === 'fastify'))
  t.notOk(sbom.packages.some(({ name }: { name: string }) => name === 'tap'))
  for (const path of [
    'build',
    'skald/packages',
    'skald/node_modules/esbuild',
    'skald/node_modules/fastify',
    'skald/node_modules/fs-native-extensions/README.md',
  ])
    t.notOk(existsSync(join(tree, path)), `${path} is not in the image`)
  const licences = readFileSync(join(tree, 'skald/LICENSES.txt'), 'utf8')
  t.match(licences, /^fastify [\d.]+ \(MIT\)$/m)
  t.match(licences, /^preact [\d.]+ \(MIT\)$/m, 'the page is in it')
  t.ok(existsSync(join(tree, 'skald/dist/page.pack')))

  const native = `skald/node_modules/better-sqlite3/prebuilds/linux-${process.arch}.node`
  for (const file of ['usr/local/bin/node', native]) {
    const { stdout } = await run('ldd', [join(tree, file)])
    const libraries = [...stdout.matchAll(/(?:^|\/|\t)((?:lib|ld-)[\w+-]+)\.so/gm)].map(
      ([, name]) => name!,
    )
    t.ok(libraries.includes('libc'), stdout)
    t.same(
      libraries.filter(name => !baseLibraries.test(name)),
      [],
      `${file} needs what the base image has, and no more`,
    )
  }

  const logs = join(dir, 'pods')
  const data = join(dir, 'data')
  const positions = join(dir, 'run')
  const config = join(dir, 'config')
  mkdirSync(join(logs, 'default_web_1/web'), { recursive: true })
  for (const path of [data, positions, config]) mkdirSync(path)
  for (const path of [data, positions]) chownSync(path, Number(user), Number(user))
  chmodSync(dir, 0o755)
  addMountPoints(tree, ['var/log/pods', 'run/promtail', 'etc/promtail'])
  const mounts = { ...systemMounts(tree), 'var/log/pods': logs, 'run/promtail': positions, data }
  // A pod does not see the node's /etc. The agent's configuration is mounted there instead.
  const view: View = {
    mounts: { ...mounts, etc: config },
    writable: ['dev', 'data', 'run/promtail'],
    isReadOnly: true,
    user: `${user}:${user}`,
    workdir: '/data',
  }
  const env = { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...environmentOf(final!) }
  const start = (args: readonly string[], name: string): ChildProcess => {
    const [program = '', ...rest] = inTree(tree, view, [...execForm(final!, 'ENTRYPOINT'), ...args])
    const output = openSync(join(dir, `${name}.log`), 'a')
    const child = spawn(program, rest, { env, stdio: ['ignore', output, output] })
    t.teardown(() => child.kill('SIGKILL'))
    return child
  }
  const outputOf = (name: string) => readFileSync(join(dir, `${name}.log`), 'utf8')

  await t.test('only the data directory is writable, and nobody is root', async t => {
    const script = `
      const fs = require('node:fs')
      const attempt = path => { try { fs.writeFileSync(path, 'x'); fs.rmSync(path); return 'written' } catch (error) { return error.code } }
      console.log(JSON.stringify({ uid: process.getuid(), groups: process.getgroups(),
        root: attempt('/x'), app: attempt('/skald/x'), tmp: attempt('/tmp/x'), logs: attempt('/var/log/pods/x'), data: attempt('/data/x') }))`
    const [program = '', ...rest] = inTree(tree, view, ['node', '-e', script])
    const { stdout } = await run(program, rest, { env })
    t.match(JSON.parse(stdout), {
      uid: 10001,
      groups: [10001],
      root: 'EROFS',
      app: 'EROFS',
      tmp: /EROFS|ENOENT/,
      logs: 'EROFS',
      data: 'written',
    })
  })

  await t.test('every module comes from the compile cache, for both users', async t => {
    for (const id of [user, '0']) {
      const command = [...execForm(final!, 'ENTRYPOINT'), 'store', '-verify-config']
      const [program = '', ...rest] = inTree(tree, { ...view, user: `${id}:${id}` }, command)
      const { stderr } = await run(program, rest, {
        env: { ...env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
        maxBuffer: 64 * 1024 * 1024,
      })
      // The process ends while its threads load modules, so a thread's output can end anywhere.
      const reads = /reading cache from \S+ for \S+ \S+?\.\.\.(?:\[[\d ]+\]\.\.\.)? (\w[^\n,[]*)/g
      const outcomes = [...stderr.matchAll(reads)].map(([, outcome]) => outcome)
      t.ok(outcomes.length > 40, `${outcomes.length} modules`)
      t.same([...new Set(outcomes)], ['success'], `user ${id}`)
    }
  })

  const port = await reservePort()
  const url = `http://${loopbackHost}:${port}`
  const startMs = performance.now()
  const store = start(
    [
      ...execForm(final!, 'CMD'),
      `-server.http-listen-address=${loopbackHost}`,
      `-server.http-listen-port=${port}`,
    ],
    'store',
  )
  await waitUntilReady(store, url, () => outputOf('store'))
  t.comment(`the store is ready after ${Math.round(performance.now() - startMs)} ms`)

  writeFileSync(
    join(config, 'promtail.yaml'),
    `server: {http_listen_address: ${loopbackHost}, http_listen_port: 0}
positions: {filename: /run/promtail/positions.yaml}
clients: [{url: ${url}/loki/api/v1/push, batchwait: 100ms}]
scrape_configs:
  - job_name: pods
    path_labels: true
    pipeline_stages: [{cri: {}}]
    static_configs: [{labels: {__path__: /var/log/pods/*/*/*.log}}]
`,
  )
  const line = `${new Date().toISOString()} stdout F from a read-only root\n`
  writeFileSync(join(logs, 'default_web_1/web/0.log'), line)
  const agent = start(['agent', '-config.file=/etc/promtail.yaml'], 'agent')
  const query = `${url}/loki/api/v1/query_range?${new URLSearchParams({ query: '{namespace="default"}' })}`
  let found = ''
  for (let i = 0; i < 300 && !found.includes('from a read-only root'); i++) {
    t.equal(agent.exitCode, null, outputOf('agent'))
    found = await (await fetch(query)).text()
    await sleep(100)
  }
  t.match(found, 'from a read-only root', outputOf('agent'))
  for (const name of ['store', 'agent']) {
    t.match(outputOf(name), /snappy"?[=:]"?wasm/, `the ${name} has its WebAssembly`)
  }

  const [program = '', ...rest] = inTree(tree, view, execForm(final!, 'HEALTHCHECK'))
  await t.resolves(run(program, rest, { env: { ...env, SKALD_URL: url } }))
  for (const child of [agent, store]) {
    child.kill('SIGTERM')
    if (child.exitCode === null) await new Promise(resolve => child.once('exit', resolve))
    t.equal(child.exitCode, 0)
  }
  await t.rejects(run(program, rest, { env: { ...env, SKALD_URL: url } }))
})

async function waitUntilReady(
  child: ChildProcess,
  url: string,
  output: () => string,
): Promise<void> {
  for (let i = 0; i < 600 && child.exitCode === null; i++) {
    const isReady = await fetch(`${url}/ready`).then(
      response => response.ok,
      () => false,
    )
    if (isReady) return
    await sleep(25)
  }
  throw new Error(`The store did not become ready:\n${output()}`)
}
