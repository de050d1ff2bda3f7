// Runs every command on docs/api.md unchanged, on a port of the test, and checks that it does what
// the page says.

import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { loadStoreConfig, startStore as startInProcess } from '@skald/store'
import { pino } from 'pino'
import { t as root, test } from 'tap'
import { startStore } from './harness.ts'

root.setTimeout(170_000)
const run = promisify(execFile)
const page = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8')
const hasCurl = spawnSync('curl', ['--version']).status === 0

/** The commands in the code blocks, with the status each one gets. */
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = '']) => block.split('\n').filter(line => line.startsWith('curl ')))
  .map(line => {
    const [command = '', status = '200'] = line.split(' # ')
    return { command, status }
  })

/** Exit code of curl after `--max-time`, because a tail never ends. */
const timeIsOver = 28

test('each command of the page is answered', { skip: !hasCurl && 'no curl' }, async t => {
  const config = 'compactor: {retention_enabled: true}\n'
  const store = await startStore(t, { dir: t.testdir(), config })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const values = ['level=info msg=a', '{"level":"warn","status":200}'].map((line, i) => [
    String(nowNs - BigInt(i)),
    line,
  ])
  const body = JSON.stringify({ streams: [{ stream: { app: 'shop' }, values }] })
  t.equal((await store.pushBytes(Buffer.from(body), 'application/json')).status, 204)
  t.ok(commands.length > 10)
  for (const { command, status } of commands) {
    const local = command.replaceAll('http://127.0.0.1:3100', store.url)
    t.not(local, command, 'the command speaks to the port of the page')
    const { code, stdout } = await run('sh', ['-c', `${local} -w '\n%{http_code}'`]).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => error,
    )
    const lines = stdout.trimEnd().split('\n')
    t.equal(lines.at(-1), status, command)
    t.equal(code, status === '101' ? timeIsOver : 0, command)
    t.not(lines[0], '{}', 'something is found')
  }
})

test('each route of the store has a command on the page', async t => {
  const text = `server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
common: {path_prefix: ${JSON.stringify(t.testdir())}}
`
  const loaded = loadStoreConfig(text, 'page.yaml')
  const store = await startInProcess({ loaded, logger: pino({ level: 'silent' }), version: 'page' })
  t.teardown(() => store.stop())
  // Parses a tree in which each branch has the rest of its URL.
  const branch: string[] = []
  const urls = store.app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap(line => {
      const [, indent = '', rest] = /^(.*)── (\S+) \(/.exec(line) ?? []
      if (rest === undefined) return []
      const depth = indent.length / 4
      branch.length = Math.floor(depth)
      branch.push(rest)
      return branch.join('')
    })
  t.ok(urls.length > 30, `${urls.length} routes`)
  t.ok(urls.includes('/loki/api/v1/label/:name/values'))
  const rows = page.split('\n').filter(line => line.startsWith('| `/'))
  for (const url of urls) {
    const [path = '', inner] = url.split('/:namespace')
    const named = path.replaceAll(/:(\w+)/g, '<$1>')
    t.ok(
      rows.some(row => row.split(' | ')[0]!.includes(`\`${named}\``)),
      `${url} has a row`,
    )
    if (inner !== undefined) continue
    const asked = new RegExp(`:3100${url.replaceAll(/:\w+/g, "[^/'? ]+")}(?=['? ]|$)`)
    t.ok(
      commands.some(({ command }) => asked.test(command)),
      `${url} has a command`,
    )
  }
})
