// The command line as a new user meets it: help, a missing command, ports and paths that are not
// available, a reader that goes away, and a killed npm start.

import { execFile, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, type Test, test } from 'tap'
import {
  cleanEnv,
  reservePort,
  rootDir,
  skaldCommand,
  sourceCommand,
  spawnSkald,
  takePort,
} from './skald-process.ts'

root.setTimeout(170_000)

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function run(program: string, args: readonly string[], env = {}): Promise<Ended> {
  return new Promise(resolve => {
    const options = { env: { ...cleanEnv(), ...env }, cwd: rootDir, timeout: 20_000 }
    execFile(program, args, options, (error, out, err) => {
      // A number is an exit code. null means a timeout.
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, out, err })
    })
  })
}

const skald = (...args: string[]) => run(skaldCommand, args)

/** Checks that the output is one line that a person can act on. */
function isOneLine(t: Test, { code, out, err }: Ended, expected: RegExp, wantedCode = 1): void {
  t.equal(code, wantedCode, err)
  t.equal(out, '')
  t.match(err, expected)
  t.equal(err.trimEnd().split('\n').length, 1, err)
}

function agentConfig(dir: string, port: number | string): string {
  const path = join(dir, 'agent.yaml')
  writeFileSync(
    path,
    `server: {http_listen_address: 127.0.0.1, http_listen_port: ${port}}
positions: {filename: ${dir}/positions.yaml}
clients: [{url: "http://127.0.0.1:9/loki/api/v1/push"}]
scrape_configs:
  - job_name: files
    static_configs: [{labels: {__path__: ${dir}/*.log}}]
`,
  )
  return path
}

function storeConfig(dir: string, port: number | string): string {
  const path = join(dir, 'store.yaml')
  writeFileSync(
    path,
    `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: ${port}}
common: {path_prefix: ${dir}/data}
`,
  )
  return path
}

async function waitUntilReady(url: string, output: () => string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    await sleep(100)
  }
  throw new Error(`${url} did not become ready: ${output()}`)
}

const commands = [
  ...['all', 'store', 'agent', 'query', 'labels', 'check', 'import', 'ready'],
  ...['backup', 'restore', 'verify', 'inspect', 'token', 'volume', 'export', 'man'],
]
const helpFlags = ['-h', '-help', '--help'] as const
for (const [i, command] of commands.entries()) {
  // All commands share the code that reads these flags, so each is asked with one of them.
  const flag = helpFlags[i % helpFlags.length]!
  test(`skald ${command} ${flag} and skald help ${command} print its usage and exit with 0`, async t => {
    const { out: told } = await skald('help', command)
    t.match(told, new RegExp(`^(Usage of |Usage: )?skald ${command}`))
    t.same(await skald(command, flag), { code: 0, out: told, err: '' })
  })
}

/** Both kinds of configuration, and a page that each program serves. */
const kinds = [
  { kind: 'agent', writeConfig: agentConfig, path: 'metrics' },
  { kind: 'store', writeConfig: storeConfig, path: 'ready' },
]

test('help for an unknown command exits with 2', async t => {
  const { code, err } = await skald('help', 'nonsense')
  t.equal(code, 2)
  t.match(err, /no command nonsense/)
})

test('without a command, the configuration decides between store and agent', async t => {
  const dir = t.testdir({ 'a.log': 'one\n' })
  for (const { kind, writeConfig, path } of kinds) {
    const port = await reservePort()
    const file = writeConfig(dir, port)
    const outputFile = join(dir, `${kind}.out`)
    const started = spawnSkald({
      args: ['-config.expand-env=true', `-config.file=${dir}/missing.yaml,${file}`],
      outputFile,
    })
    await waitUntilReady(`http://127.0.0.1:${port}/${path}`, started.output)
    t.match(started.output(), new RegExp(`running skald ${kind}`), 'the log says which one runs')
    t.match(started.output(), file, 'and which file shows it')
    for (const line of started.output().trim().split('\n'))
      t.match(line, /^level=[a-z]+ ts=\S+ msg=/)
    await started.end('SIGTERM')
  }
})

test('without a command, flags without a readable file end at once', async t => {
  const dir = t.testdir()
  isOneLine(t, await skald(`-config.file=${dir}/no.yaml`), /Cannot find .*no\.yaml/, 2)
  isOneLine(t, await skald('-config.file', dir), /it is a directory/, 2)
  const { code, err } = await skald('-log.level=info')
  t.equal(code, 2)
  t.match(err, /a command is missing/)
})

test('a port in use is reported in one line, with the flag that changes it', async t => {
  const dir = t.testdir()
  const { port, free } = await takePort()
  t.teardown(free)
  const expected = new RegExp(
    `Cannot listen on 127\\.0\\.0\\.1:${port}: another program has the port.*-server\\.http-listen-port`,
  )
  const place = [`-common.path-prefix=${dir}/data`, `-server.http-listen-port=${port}`]
  isOneLine(t, await skald('store', ...place), expected)
  isOneLine(t, await skald('all', ...place), expected)
  isOneLine(t, await skald('agent', `-config.file=${agentConfig(dir, port)}`), expected)

  const receiver = async (config: string, key: RegExp) => {
    const file = join(dir, 'receivers.yaml')
    writeFileSync(file, `auth_enabled: false\nreceivers: ${config}\n`)
    const args = [`-config.file=${file}`, `-common.path-prefix=${dir}/data`]
    const { code, err } = await skald('store', ...args, '-server.http-listen-port=0')
    t.equal(code, 1)
    t.match(err, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: .*: ${key.source}`, 'm'))
    t.notMatch(err, /http.listen.port/)
  }
  await receiver(
    `{syslog: [{listen_address: "127.0.0.1:${port}"}]}`,
    /receivers\.syslog\[0\]\.listen_address in the configuration$/,
  )
  await receiver(
    `{otlp: {grpc: {endpoint: "127.0.0.1:${port}"}}}`,
    /receivers\.otlp\.grpc\.endpoint in the configuration$/,
  )
})

test('an invalid address or port is reported in one line', async t => {
  const dir = t.testdir()
  const store = (flag: string) => skald('store', `-common.path-prefix=${dir}/data`, flag)
  isOneLine(t, await store('-server.http-listen-address=192.0.2.1'), /does not have that address/)
  const { code, err } = await store('-server.http-listen-port=80800')
  t.equal(code, 2)
  t.match(err, /a port is a whole number from 0 to 65535/)
})

test('a data directory that cannot be created is reported at once, in one line', async t => {
  const dir = t.testdir({ file: 'x' })
  const remedy = /-common\.path-prefix/
  for (const path of [`${dir}/file`, `${dir}/file/data`, '/proc/skald']) {
    const ended = await skald('store', `-common.path-prefix=${path}`, '-server.http-listen-port=0')
    isOneLine(t, ended, remedy)
    t.match(ended.err, path)
  }
})

test('an unreadable configuration is reported in one line', async t => {
  const dir = t.testdir()
  isOneLine(t, await skald('store', `-config.file=${dir}`), /it is a directory/, 2)
  isOneLine(t, await skald('store', `-config.file=${dir}/no.yaml`), /Cannot find/, 2)
  isOneLine(t, await skald('check', `${dir}/no.yaml`), /no such file/)
})

test('an unexpanded variable is reported with the flag that expands it', async t => {
  const dir = t.testdir({ 'a.log': 'one\n' })
  for (const { kind, writeConfig, path } of kinds) {
    // Unexpanded, ${PORT} in braces is not valid YAML here.
    const file = writeConfig(dir, '${PORT}')
    for (const args of [
      [kind, `-config.file=${file}`],
      [`-config.file=${file}`],
      ['check', file],
    ]) {
      const { code, err } = await skald(...args)
      t.equal(code, 1, args.join(' '))
      t.match(err, /\$\{PORT\} is only expanded with -config\.expand-env=true/)
    }
    const port = await reservePort()
    const started = spawnSkald({
      args: [kind, '-config.expand-env=true', `-config.file=${file}`],
      outputFile: join(dir, `${kind}.out`),
      env: { PORT: String(port) },
    })
    await waitUntilReady(`http://127.0.0.1:${port}/${path}`, started.output)
    await started.end('SIGTERM')
  }
})

test('a store on all addresses logs so, in the form that the flag says', async t => {
  const dir = t.testdir()
  const port = await reservePort()
  const store = spawnSkald({
    args: [
      ...['store', `-config.file=${storeConfig(dir, port)}`],
      ...['-server.http-listen-address=', '-log.format=json'],
    ],
    outputFile: join(dir, 'out'),
  })
  await waitUntilReady(`http://127.0.0.1:${port}/ready`, store.output)
  await store.end('SIGTERM')
  const lines = store.output().trim().split('\n')
  t.match(
    lines.map(line => JSON.parse(line)),
    [
      { level: 'info', msg: /^everybody who reaches this address may read and write/ },
      { level: 'info', msg: 'store is ready', address: `0.0.0.0:${port}` },
      { level: 'info', msg: 'store is stopping', signal: 'SIGTERM' },
    ],
  )
  const { code, err } = await skald('store', '-log.format=xml')
  t.equal(code, 1)
  t.match(err, '-log.format must be one of logfmt, json, found "xml"')
})

test('skald query ends quietly when its reader has enough', async t => {
  const dir = t.testdir()
  const port = await reservePort()
  const url = `http://127.0.0.1:${port}`
  const store = spawnSkald({
    args: ['store', `-config.file=${storeConfig(dir, port)}`],
    outputFile: join(dir, 'out'),
  })
  await waitUntilReady(`${url}/ready`, store.output)
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const values = Array.from({ length: 5000 }, (_, i) => [
    String(nowNs - BigInt(i)),
    `line ${i} ${'x'.repeat(200)}`,
  ])
  const response = await fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [{ stream: { app: 'a' }, values }] }),
  })
  t.equal(response.status, 204)
  const script = `"$0" query '{app="a"}' --limit=5000 | head -1; echo "codes \${PIPESTATUS[*]}"`
  const { out, err } = await run('bash', ['-c', script, skaldCommand], { SKALD_URL: url })
  t.match(out, /line \d+ x+\ncodes 0 0\n$/)
  t.equal(err, '')
  await store.end('SIGTERM')
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  for (const starter of ['npx', 'npm start']) {
    test(`${starter} killed by ${signal} leaves no store behind`, async t => {
      const dir = t.testdir()
      const port = await reservePort()
      const flags = [`-common.path-prefix=${dir}/data`, `-server.http-listen-port=${port}`]
      const [program, args] =
        starter === 'npx'
          ? ['npx', ['skald', 'store', ...flags]]
          : ['npm', ['start', '--', ...flags]]
      const env = { ...cleanEnv(), HOME: dir }
      const child = spawn(program!, args as string[], { cwd: rootDir, env, stdio: 'ignore' })
      t.teardown(() => child.kill('SIGKILL'))
      await waitUntilReady(`http://127.0.0.1:${port}/ready`, () => '')
      child.kill(signal)
      let isThere = true
      for (let i = 0; i < 100 && isThere; i++) {
        await sleep(100)
        isThere = await fetch(`http://127.0.0.1:${port}/ready`).then(
          () => true,
          () => false,
        )
      }
      t.notOk(isThere, 'nothing listens any more')
    })
  }
}

test('a Node that cannot run the sources is reported in one line', async t => {
  // An installation without development packages, and another Node on the PATH.
  const dir = t.testdir({ path: {}, packages: { skald: { bin: {} } } })
  const command = join(dir, 'packages/skald/bin/skald')
  copyFileSync(sourceCommand, command)
  const node = join(dir, 'path/node')
  writeFileSync(node, '#!/bin/sh\necho v20.20.2\n', { mode: 0o755 })
  const env = { PATH: `${dir}/path:/usr/bin:/bin` }
  isOneLine(
    t,
    await run(command, ['all'], env),
    /Skald needs Node 22\.18 or newer, found v20\.20\.2/,
  )
  const bare = join(dir, 'bare')
  mkdirSync(bare)
  for (const name of ['dirname', 'readlink', 'sh']) {
    writeFileSync(join(bare, name), `#!/bin/sh\nPATH=/usr/bin:/bin exec ${name} "$@"\n`, {
      mode: 0o755,
    })
  }
  isOneLine(t, await run('/bin/sh', [command, 'all'], { PATH: bare }), /found none/)
})

test('the README lists the exit codes', async t => {
  const readme = readFileSync(join(rootDir, 'README.md'), 'utf8')
  for (const code of [0, 1, 2]) t.match(readme, new RegExp(`^\\| ${code} \\|`, 'm'))
})
