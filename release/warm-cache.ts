// node release/warm-cache.ts PROGRAM UID...: fills the compile cache of a built program, while the image is built. Runs
// each command for a moment, including threads, because Node writes the cache when a process ends.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [program = '', ...userIds] = process.argv.slice(2)
const programDir = resolve(program)
const cacheDir = join(programDir, 'cache')
const main = join(programDir, 'dist/main.js')
const dir = mkdtempSync(join(tmpdir(), 'skald-warm-'))
const storeUrl = 'http://127.0.0.1:31009'
const agentUrl = 'http://127.0.0.1:31010'
const readyTimeoutMs = 60_000

const agentConfig = join(dir, 'agent.yaml')
writeFileSync(
  agentConfig,
  `server: {http_listen_address: 127.0.0.1, http_listen_port: 31010}
positions: {filename: ${join(dir, 'positions.yaml')}}
clients: [{url: ${storeUrl}/loki/api/v1/push}]
scrape_configs:
  - job_name: warm
    pipeline_stages: [{cri: {}}, {json: {expressions: {level: level}}}, {labels: {level: ""}}]
    static_configs: [{labels: {__path__: ${join(dir, '*.log')}}}]
`,
)
writeFileSync(join(dir, '0.log'), `${new Date().toISOString()} stdout F {"level":"info"}\n`)

const store = start([
  'store',
  `-common.path-prefix=${join(dir, 'data')}`,
  '-server.http-listen-port=31009',
])
await waitUntilReady(store, storeUrl)
const agent = start(['agent', `-config.file=${agentConfig}`])
await waitUntilReady(agent, agentUrl)
await waitForLine()
await (await fetch(`${storeUrl}/flush`, { method: 'POST' })).arrayBuffer()
await finish(start(['query', `--url=${storeUrl}`, '{level="info"} | json']))
await finish(start(['check', agentConfig]))
await finish(start(['ready', storeUrl]))
agent.kill('SIGTERM')
await finish(agent)
store.kill('SIGTERM')
await finish(store)
await finish(startNode(['--input-type=module', '--eval', importsOfParts()]))
rmSync(dir, { recursive: true })
shareCache()

/**
 * Makes the cache readable for other users. Node keeps a separate one for each user, with an id at
 * the end of the directory's name and with files that only the owner may read.
 */
function shareCache(): void {
  for (const entry of readdirSync(cacheDir, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  }
  const own = `-${process.getuid?.()}`
  for (const name of readdirSync(cacheDir).filter(name => name.endsWith(own))) {
    for (const id of userIds) {
      const path = join(cacheDir, `${name.slice(0, -own.length)}-${id}`)
      if (!existsSync(path)) symlinkSync(name, path)
    }
  }
}

/** Returns imports of all parts that a command or a configuration may load later. */
function importsOfParts(): string {
  // The others are the program itself and its threads, which run when they are loaded.
  return globSync(join(programDir, 'dist/*-[A-Z0-9]*.js'))
    .map(path => `import ${JSON.stringify(path)}\n`)
    .join('')
}

function start(args: readonly string[]): ChildProcess {
  return startNode([main, ...args])
}

function startNode(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, NODE_COMPILE_CACHE: cacheDir },
  })
  // A failure must not leave a server running that the builder would wait for.
  process.on('exit', () => child.kill('SIGKILL'))
  return child
}

async function finish(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, 'exit')
  if (child.exitCode !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with an error`)
}

async function waitUntilReady(child: ChildProcess, url: string): Promise<void> {
  const deadlineMs = Date.now() + readyTimeoutMs
  for (;;) {
    // The connection is refused until the port is open, which is what we wait for.
    const isReady = await fetch(`${url}/ready`).then(
      response => response.ok,
      () => false,
    )
    if (isReady) return
    if (child.exitCode !== null || Date.now() > deadlineMs) {
      throw new Error(`${child.spawnargs.join(' ')} did not become ready`)
    }
    await sleep(50)
  }
}

async function waitForLine(): Promise<void> {
  const query = `sum(count_over_time({level="info"} | json [1h]))`
  const deadlineMs = Date.now() + readyTimeoutMs
  for (;;) {
    const url = `${storeUrl}/loki/api/v1/query?${new URLSearchParams({ query })}`
    const { data } = (await (await fetch(url)).json()) as { data: { result: unknown[] } }
    if (data.result.length > 0) return
    if (Date.now() > deadlineMs) throw new Error('The line of the agent did not arrive')
    await sleep(100)
  }
}
