// Runs every check, prints its output, and sums up. Plain JavaScript, so it starts on any Node before
// `npm ci` has installed the project's own.

import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const shared = resolve(root, '..', 'shared')
/** The program as a release contains it. */
const program = join(root, '.cache/program')
const skald = join(program, 'bin/skald')

/** Accidents of that server which the program does not repeat; docs/differences.md says why. */
const differences = readFileSync(join(root, 'docs/differences.md'), 'utf8')

let passed = 0
/** Whether the recorded runs of an agent were judged, so that `npm test` need not run them again. */
let agentJudged = false
/** Failures. They are printed again at the end, because the whole output may be long. */
const failures = []

function report(name, isOk, detail = '') {
  if (isOk) passed++
  else failures.push(`${name}${detail ? `: ${detail}` : ''}`)
  console.log(isOk ? `ok - ${name}` : `not ok - ${failures.at(-1)}`)
}

/**
 * Runs a command and passes on the lines it printed that `shows` lets through, once it has ended. Resolves with its exit
 * code and all that it printed.
 */
async function run(command, args, { shows = () => true, ...options } = {}) {
  // Through a file, because a program that exits while a pipe is full loses the rest of its output.
  const dir = mkdtempSync(join(tmpdir(), 'skald-ci-'))
  const path = join(dir, 'output')
  const file = openSync(path, 'w')
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', file, 'inherit'], ...options })
  const code = await new Promise(done => {
    child.once('error', () => done(1))
    child.once('exit', ended => done(ended ?? 1))
  })
  closeSync(file)
  const output = readFileSync(path, 'utf8')
  rmSync(dir, { recursive: true, force: true })
  const shown = output.split('\n').filter(shows).join('\n')
  process.stdout.write(`\n$ ${[command, ...args].join(' ')}\n${shown.slice(-200_000)}`)
  return { code, output }
}

function addCounts(output, pattern) {
  const match = [...output.matchAll(pattern)].at(-1)
  return match
    ? { passed: Number(match.groups.pass ?? 0), failed: Number(match.groups.fail ?? 0) }
    : undefined
}

async function install() {
  const { code } = await run('npm', ['ci', '--no-audit', '--no-fund'])
  report('npm ci', code === 0)
  return code === 0
}

/** Where programs are built that tests run beside Skald. */
const builtPrograms = join(tmpdir(), 'skald-ci-bin')

/**
 * Builds what tests run beside Skald and no package brings. Without a program, its tests skip with one line. Begins at
 * once, because building takes minutes, and what comes meanwhile mostly waits for the network. Resolves when `npm test`
 * may begin.
 */
function buildPrograms() {
  process.env.PATH = `${builtPrograms}:${process.env.PATH}`
  const has = (program, flag) => spawnSync(program, [flag]).status === 0
  const output = program => ['-o', join(builtPrograms, program), '.']
  const broker = build('kafka-broker', ['build', ...output('kafka-broker')], {
    cwd: join(root, 'packages/agent/test/fixtures/kafka-broker'),
  }).then(isBuilt => {
    if (isBuilt) process.env.KAFKA_TEST_BROKER = join(builtPrograms, 'kafka-broker')
  })
  const building = [broker]
  if (!has('helm', 'version')) {
    building.push(build('helm', ['install', 'helm.sh/helm/v3/cmd/helm@v3.22.0'], { cwd: root }))
  }
  if (!has('versitygw', '--version')) {
    const args = ['build', noOptimizations, ...output('versitygw')]
    building.push(build('versitygw', args, { cwd: join(root, 'e2e/fixtures/versitygw') }))
  }
  if (!has('toxiproxy', '--version')) {
    const args = ['build', ...output('toxiproxy')]
    building.push(build('toxiproxy', args, { cwd: join(root, 'e2e/fixtures/toxiproxy') }))
  }
  buildClients().catch(error => console.log(`clients could not be built: ${error.message}`))
  return Promise.all(building)
}

/** Programs that are built from what they use of large modules (e2e/fixtures/trim-go): where, and of which packages. */
const clients = [
  {
    folder: 'loki-tools',
    programs: ['logcli', 'lokitool', 'loki-canary'],
    packages: ['logcli', 'lokitool', 'loki-canary'].map(
      name => `github.com/grafana/loki/v3/cmd/${name}`,
    ),
    modules: [
      'github.com/grafana/loki/v3',
      'github.com/grafana/dskit',
      'github.com/prometheus/prometheus',
    ],
  },
  {
    folder: 'otel-collector',
    programs: ['otel-collector'],
    packages: ['skald/otel-collector'],
    modules: [
      'github.com/foxboron/go-tpm-keyfiles',
      'github.com/google/go-tpm',
      'github.com/open-telemetry/...',
      'github.com/shirou/gopsutil/v4',
      'go.opentelemetry.io/collector/...',
      'go.opentelemetry.io/contrib/otelconf',
      'gonum.org/v1/gonum',
    ],
  },
]

/**
 * Builds clients of the store. Nobody waits for it but the tests of these clients, which come late: each finds a file
 * with the id of this process as long as its program is not there yet (e2e/ci-programs.ts). Compiling takes mostly the
 * processor time that is left over.
 */
async function buildClients() {
  const has = program => spawnSync(program, ['--help']).status === 0
  const missing = clients.filter(({ programs }) => !programs.every(has))
  const marker = name => join(builtPrograms, `${name}.building`)
  mkdirSync(builtPrograms, { recursive: true })
  for (const { programs } of missing)
    for (const name of programs) writeFileSync(marker(name), `${process.pid}`)
  const trim = join(builtPrograms, 'trim-go')
  const isBuilt =
    missing.length === 0 ||
    (await build('trim-go', ['build', noOptimizations, '-o', trim, '.'], {
      cwd: join(root, 'e2e/fixtures/trim-go'),
    }))
  for (const client of missing) {
    if (isBuilt) await buildTrimmed(trim, client)
    for (const name of client.programs) rmSync(marker(name), { force: true })
  }
}

async function buildTrimmed(trim, { folder, programs, packages, modules }) {
  const cwd = join(root, 'e2e/fixtures', folder)
  const out = join(builtPrograms, `${folder}-source`)
  const standIns = join(cwd, 'stand-ins')
  const args = ['-out', out, '-modules', modules.join(), '-stand-ins', standIns, ...packages]
  if (!(await build(folder, args, { command: trim, cwd }))) return
  const target = programs.length === 1 ? join(builtPrograms, programs[0]) : `${builtPrograms}/`
  await build(folder, ['-n', '10', 'go', 'build', noOptimizations, '-o', target, ...packages], {
    command: 'nice',
    cwd: out,
    // The files that need a compiler of C are trimmed away.
    variables: { CGO_ENABLED: '0' },
  })
}

/** Compiling without optimizations takes half as long. */
const noOptimizations = '-gcflags=all=-N -l'

/** Runs go, or another command that builds a program. Resolves with true if it succeeded. */
function build(program, args, { command = 'go', cwd, variables = {} }) {
  const env = { ...process.env, GOBIN: builtPrograms, ...variables }
  const child = spawn(command, args, { env, cwd, timeout: 900_000, stdio: ['ignore', 2, 2] })
  return new Promise(done => {
    child.once('error', () => done(false))
    child.once('exit', code => done(code === 0))
  }).then(isBuilt => {
    if (!isBuilt) console.log(`${program} could not be built: its tests are skipped`)
    return isBuilt
  })
}

/** Installs the programs that tests run beside Skald. If one is missing, its tests skip with one line. */
async function installCounterparts() {
  const has = (program, flag) => spawnSync(program, [flag]).status === 0
  const packages = has('rsyslogd', '-v') ? [] : ['rsyslog', 'systemd-journal-remote', 'bzip2']
  // What rsyslog sends to Elasticsearch with, and its TLS.
  for (const name of ['rsyslog-elasticsearch', 'rsyslog-openssl']) {
    if (spawnSync('dpkg', ['-s', name]).status !== 0) packages.push(name)
  }
  // Lets system calls of a store fail.
  if (!has('strace', '-V')) packages.push('strace')
  // Lets the clock of a store and an agent jump.
  if (!has('faketime', '--version')) packages.push('faketime')
  // PostgreSQL, for replicas. Its programs are not on the PATH.
  if (!has('initdb', '--version') && !existsSync('/usr/lib/postgresql')) packages.push('postgresql')
  // What rules send alerts and samples to.
  if (!existsSync('/usr/bin/prometheus')) packages.push('prometheus')
  if (!existsSync('/usr/bin/prometheus-alertmanager')) packages.push('prometheus-alertmanager')
  // The one port before the replicas of examples/scaled.
  if (!has('haproxy', '-v')) packages.push('haproxy')
  // A browser for the tests of the page, with a Korean font for its pictures.
  if (!has('chromium', '--version')) packages.push('chromium', 'fonts-nanum')
  // ZooKeeper takes about 30 MB on a machine with Java. Machines without Java skip it.
  const hasZookeeper = existsSync('/usr/share/java/zookeeper.jar')
  if (!hasZookeeper && has('java', '-version')) packages.push('libzookeeper-java')
  if (process.getuid?.() !== 0) return
  if (packages.length > 0) {
    await run('apt-get', ['update'], { timeout: 120_000 })
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
      timeout: 300_000,
    })
  }
  if (!has('syslog-ng', '--version')) await unpackSyslogNg()
}

/**
 * Puts syslog-ng beside the built programs. Its package cannot be installed: it removes rsyslog, which other tests run.
 * What it needs can.
 */
async function unpackSyslogNg() {
  const dir = join(builtPrograms, 'syslog-ng-files')
  mkdirSync(dir, { recursive: true })
  const needs = ['libivykis0', 'libnet1', 'libjson-c5', 'libpcre3', 'libwrap0', 'libcurl4']
  const names = ['syslog-ng-core', 'syslog-ng-mod-http']
  await run('apt-get', ['install', '-y', '--no-install-recommends', ...needs])
  // Not as another user, who may not write here.
  await run('apt-get', ['download', '-o', 'APT::Sandbox::User=root', ...names], { cwd: dir })
  for (const file of readdirSync(dir).filter(name => name.endsWith('.deb')))
    await run('dpkg', ['-x', file, '.'], { cwd: dir })
  const library = join(dir, 'usr/lib/syslog-ng')
  const version = existsSync(library) && readdirSync(library).find(name => /^\d/.test(name))
  if (!version) return console.log('syslog-ng could not be unpacked: its test is skipped')
  const command = `exec '${dir}/usr/sbin/syslog-ng' --module-path='${library}/${version}' "$@"`
  const script = `#!/bin/sh\nLD_LIBRARY_PATH='${library}' ${command}\n`
  writeFileSync(join(builtPrograms, 'syslog-ng'), script, { mode: 0o755 })
}

/** Installs the client libraries that e2e/senders.test.ts runs. Without them, it skips with one line each. */
async function installSenders() {
  await run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: join(root, 'e2e/fixtures/senders'),
  })
}

async function test() {
  const env = {
    ...process.env,
    ...(agentJudged && { SKALD_AGENT_RUNS_JUDGED: '1' }),
    // Most of it is waiting.
    SKALD_CANARY_SECONDS: '90',
  }
  const { code, output } = await run('npm', ['test'], { env })
  const counts = addCounts(output, /(?<pass>\d+) assertions passed, (?<fail>\d+) failed/g)
  if (counts) passed += counts.passed
  for (const [, file] of output.matchAll(/^FAILED (.*)/gm)) failures.push(file)
  report('npm test', code === 0, counts ? `${counts.failed} assertions failed` : 'no count')
}

async function lint() {
  const { code } = await run('npm', ['run', '-s', 'check'])
  report('npm run check', code === 0)
}

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })
}

async function waitUntilReady(url, child) {
  for (let i = 0; i < 300 && child.exitCode === null; i++) {
    try {
      if ((await fetch(`${url}/ready`)).ok) return
    } catch {
      // Not listening yet.
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('the store did not become ready')
}

/** The recorded cases next to this checkout, which may be newer, or else those of the repository. */
function recordedCases(neighbour, folder) {
  const beside = join(shared, neighbour)
  return existsSync(join(beside, 'run.mjs')) ? beside : join(root, 'conformance', folder)
}

async function compareQueries() {
  const recorded = recordedCases('conformance', 'store')
  const runner = join(recorded, 'run.mjs')
  const dir = mkdtempSync(join(tmpdir(), 'skald-ci-'))
  const port = await freePort()
  const config = join(dir, 'store.yaml')
  writeFileSync(
    config,
    `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: ${port}, log_level: error}
common: {path_prefix: ${JSON.stringify(dir)}}
limits_config: {max_query_series: 100000, max_entries_limit_per_query: 5000000, shard_aggregations: [approx_topk]}
`,
  )
  const store = spawn(skald, ['store', `-config.file=${config}`], { stdio: 'inherit' })
  try {
    const url = `http://127.0.0.1:${port}`
    await waitUntilReady(url, store)
    const results = join(dir, 'results.json')
    const next = join(recorded, 'cases-next')
    await run('node', [runner, '--url', url, '--push', '--json', results], {
      shows: isNoFailedCase,
    })
    judge('recorded request', results)
    if (existsSync(next)) {
      const args = [runner, '--url', url, '--cases', next, '--json', results]
      await run('node', args, { shows: isNoFailedCase })
      judge('recorded request', results)
    }
  } finally {
    store.kill('SIGTERM')
    await new Promise(resolve => store.once('exit', resolve))
    rmSync(dir, { recursive: true, force: true })
  }
}

async function compareAgent() {
  const runner = join(recordedCases('conformance-agent', 'agent'), 'run.mjs')
  const dir = mkdtempSync(join(tmpdir(), 'skald-ci-'))
  const results = join(dir, 'results.json')
  try {
    const agent = `${skald} agent -config.file={{CONFIG}} -limit.gap-markers=false`
    await run('node', [runner, '--agent', agent, '--json', results], { shows: isNoFailedCase })
    judge('recorded agent run', results)
    agentJudged = existsSync(results)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** `judge` reports failed cases, because it knows the expected ones. */
function isNoFailedCase(line) {
  return !line.startsWith('FAIL')
}

/** Counts cases; named differences count as neither. */
function judge(kind, path) {
  if (!existsSync(path)) return report(`${kind}s`, false, 'the runner wrote no results')
  const { results } = JSON.parse(readFileSync(path, 'utf8'))
  let left = 0
  for (const { file, name, ok, diff } of results) {
    if (ok) passed++
    else if (differences.includes(`\`${file} :: ${name}\``)) left++
    else report(`${kind} ${file} :: ${name}`, false, diff)
  }
  console.log(
    `${kind}s: ${results.filter(({ ok }) => ok).length} as recorded, ${left} known differences`,
  )
}

/** Builds what the recorded requests are sent to. `npm test` builds it again. */
async function buildSkald() {
  const node = join(root, 'node_modules/node/bin/node')
  const { code } = await run(node, [join(root, 'release/program.ts'), program])
  report('the program is built', code === 0)
  return code === 0
}

const building = buildPrograms()
const [isInstalled] = await Promise.all([
  install(),
  installSenders(),
  installCounterparts(),
  building,
])
if (isInstalled) {
  const isBuilt = await buildSkald()
  // Together, because each waits now and then.
  await Promise.all([lint(), isBuilt && compareQueries(), isBuilt && compareAgent()])
  if (isBuilt) await test()
}
for (const failure of failures) console.log(`FAILED ${failure}`)
console.log(`${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 ? 1 : 0
