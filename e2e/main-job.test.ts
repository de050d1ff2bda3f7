// The commands that people type: npm start, npx skald store and agent, skald check, skald query.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { startStore, type TestScope } from './harness.ts'
import { cleanEnv, loopbackHost, reservePort, rootDir, skaldCommand } from './skald-process.ts'

root.setTimeout(180_000)

const run = promisify(execFile)

/** Starts a command that starts others (npm, npx) as a process group, which ends with the test. */
function startGroup(t: TestScope, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, {
    cwd: rootDir,
    env: cleanEnv(),
    detached: true,
    stdio: 'ignore',
  })
  const ended = new Promise(resolve => child.once('exit', resolve))
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid!, 'SIGTERM')
      await ended
    }
  })
  return child
}

/** Writes a pod's log with `count` current lines, and a plain log. */
function writeLogs(dir: string, count: number): void {
  const time = new Date().toISOString()
  const podLog = join(dir, 'pods', 'shop_web-1_0a1b2c', 'web', '0.log')
  const lines = Array.from({ length: count }, (_, i) => `${time} stdout F pod line ${i}\n`)
  const plainLog = join(dir, 'app.log')
  for (const path of [podLog, plainLog]) mkdirSync(dirname(path), { recursive: true })
  writeFileSync(podLog, lines.join(''))
  writeFileSync(plainLog, 'plain line 1\nplain line 2\n')
}

function agentConfig(dir: string, options: { storePort: number; agentPort: number }): string {
  return `server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${options.agentPort}
  grpc_listen_port: 0
positions:
  filename: ${dir}/positions.yaml
clients:
  - url: http://${loopbackHost}:${options.storePort}/loki/api/v1/push
scrape_configs:
  - job_name: pods
    pipeline_stages:
      - cri: {}
    static_configs:
      - targets: [localhost]
        labels:
          job: pods
          __path__: ${dir}/logs/pods/*/*/*.log
  - job_name: plain
    static_configs:
      - targets: [localhost]
        labels:
          job: plain
          __path__: ${dir}/logs/*.log
`
}

function storeConfig(dir: string, port: number): string {
  return `auth_enabled: false
server:
  http_listen_address: ${loopbackHost}
  http_listen_port: ${port}
common:
  path_prefix: ${dir}/data
`
}

/**
 * Sends the README's query until the lines are there. Returns them by job, and how long that took.
 */
async function waitForLines(
  port: number,
  count: number,
  timeoutMs: number,
): Promise<{ lines: Record<string, string[]>; tookMs: number }> {
  const startMs = performance.now()
  const query = encodeURIComponent('{job=~".+"}')
  const url = `http://${loopbackHost}:${port}/loki/api/v1/query_range?query=${query}&limit=1000`
  for (;;) {
    const lines: Record<string, string[]> = {}
    // The connection is refused until the store listens.
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok) {
      const { data } = (await answer.json()) as {
        data: { result: { stream: { job: string }; values: [string, string][] }[] }
      }
      for (const { stream, values } of data.result) {
        lines[stream.job] = [...(lines[stream.job] ?? []), ...values.map(([, line]) => line)]
      }
    }
    const found = Object.values(lines).reduce((sum, list) => sum + list.length, 0)
    const tookMs = performance.now() - startMs
    if (found >= count || tookMs > timeoutMs) return { lines, tookMs }
    await sleep(50)
  }
}

test('npm start answers queries for the lines of log files', async t => {
  const dir = t.testdir()
  writeLogs(join(dir, 'logs'), 100)
  const [storePort, agentPort] = [await reservePort(), await reservePort()]
  writeFileSync(join(dir, 'store.yaml'), storeConfig(dir, storePort))
  writeFileSync(join(dir, 'agent.yaml'), agentConfig(dir, { storePort, agentPort }))
  startGroup(t, 'npm', [
    'start',
    '--',
    `-config.file=${dir}/store.yaml`,
    `-agent.config.file=${dir}/agent.yaml`,
  ])
  const { lines, tookMs } = await waitForLines(storePort, 102, 30_000)
  t.comment(`answered after ${(tookMs / 1000).toFixed(1)} s`)
  t.equal(lines.pods?.length, 100)
  t.strictSame(lines.plain?.sort(), ['plain line 1', 'plain line 2'])
})

test('npx skald store and npx skald agent run on configuration files', async t => {
  const dir = t.testdir()
  writeLogs(join(dir, 'logs'), 20)
  const [storePort, agentPort] = [await reservePort(), await reservePort()]
  writeFileSync(join(dir, 'store.yaml'), storeConfig(dir, storePort))
  writeFileSync(join(dir, 'agent.yaml'), agentConfig(dir, { storePort, agentPort }))
  const store = startGroup(t, 'npx', ['skald', 'store', `-config.file=${dir}/store.yaml`])
  const agent = startGroup(t, 'npx', ['skald', 'agent', `-config.file=${dir}/agent.yaml`])
  const { lines } = await waitForLines(storePort, 22, 30_000)
  t.equal(lines.pods?.length, 20)
  t.equal(lines.plain?.length, 2)
  const ready = await fetch(`http://${loopbackHost}:${agentPort}/ready`)
  t.equal(ready.status, 200)
  for (const [name, child] of Object.entries({ store, agent })) {
    const ended = new Promise(resolve => child.once('exit', resolve))
    process.kill(-child.pid!, 'SIGTERM')
    await ended
    t.pass(`${name} ends on SIGTERM`)
  }
  await t.rejects(fetch(`http://${loopbackHost}:${storePort}/ready`), 'the store is gone')
})

test('skald check reports the faulty line of a configuration', async t => {
  const dir = t.testdir({
    'good.yaml': 'auth_enabled: false\nserver:\n  http_listen_port: 3100\n',
    'bad-store.yaml': 'auth_enabled: false\nserver:\n  http_listen_prot: 3100\n',
    'bad-agent.yaml':
      'clients:\n  - url: http://127.0.0.1:3100/loki/api/v1/push\nscrape_configs:\n' +
      '  - job_name: a\n    static_config: []\n',
    'broken.yaml': 'server:\n\thttp_listen_port: 3100\n',
  })
  const check = async (name: string) => {
    try {
      const { stdout, stderr } = await run(skaldCommand, ['check', join(dir, name)], {
        env: cleanEnv(),
      })
      return { code: 0, text: stdout + stderr }
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, text: stdout + stderr }
    }
  }
  const good = await check('good.yaml')
  t.equal(good.code, 0, good.text)
  for (const [name, line, key] of [
    ['bad-store.yaml', 3, 'http_listen_prot'],
    ['bad-agent.yaml', 5, 'static_config'],
    ['broken.yaml', 2, ''],
  ] as const) {
    const { code, text } = await check(name)
    t.equal(code, 1, text)
    t.match(text, new RegExp(`${name}.*\\b${line}\\b`), `${name}: names line ${line}`)
    t.ok(text.includes(key), `${name}: names the key`)
    t.notMatch(text, / {4}at /, `${name}: no stack trace`)
  }
})

test('skald query prints lines, newest last', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const nowMs = Date.now()
  const values = Array.from({ length: 5 }, (_, i) => [`${nowMs - 1000 + i}000000`, `line ${i}`])
  const body = JSON.stringify({ streams: [{ stream: { job: 'query' }, values }] })
  t.equal((await store.pushBytes(body, 'application/json')).status, 204)
  const ask = async (...args: string[]) => {
    const { stdout } = await run(skaldCommand, ['query', `--url=${store.url}`, ...args], {
      env: cleanEnv(),
    })
    return stdout.trimEnd().split('\n')
  }
  const all = ['line 0', 'line 1', 'line 2', 'line 3', 'line 4']
  t.strictSame(await ask('--output=raw', '{job="query"}'), all)
  t.strictSame(await ask('--output=raw', '--limit=2', '{job="query"}'), all.slice(3))
  const [first, ...others] = await ask('--output=jsonl', '--since=5m', '{job="query"} |= "line 2"')
  t.equal(others.length, 0)
  t.match(JSON.parse(first!), { line: 'line 2' })
  const { stdout, stderr } = await run(
    skaldCommand,
    ['query', `--url=${store.url}`, '--stats', '--output=raw', '--limit=1', '{job="query"}'],
    { env: cleanEnv() },
  )
  t.equal(stdout, 'line 4\n')
  t.match(stderr, /^time +\S+ +1 scan\n[\s\S]*\nblocks +1\n[\s\S]*\n {2}scanned +1 /)
  await t.rejects(ask('{job="query"'), /parse error at line 1/)
})
