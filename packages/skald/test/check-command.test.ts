import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { runCheckCommand } from '../src/check-command.ts'
import { createTestTerminal } from './terminal-double.ts'

test('skald check tells store and agent configurations apart, and names lines', async t => {
  const dir = t.testdir({
    'store.yaml': 'auth_enabled: false\nring: {}\n',
    'loki.yaml': 'auth_enabled: false\nserver:\n  grpc_listen_port: 1\n',
    'agent.yaml':
      'clients: [{url: "http://h/loki/api/v1/push"}]\nscrape_configs:\n  - job_name: a\n    pipeline_stages:\n      - cri: {}\n      - nosuch: {}\n',
    'good.yaml':
      'clients: [{url: "${URL}/loki/api/v1/push"}]\npositions: {filename: p.yaml}\nscrape_configs: []\n',
  })
  const run = async (argv: string[], env: Record<string, string> = {}) => {
    const terminal = createTestTerminal(env)
    const code = await runCheckCommand(argv, terminal)
    return { code, out: terminal.written.out(), err: terminal.written.err() }
  }
  const bad = await run([join(dir, 'store.yaml'), join(dir, 'agent.yaml')])
  t.equal(bad.code, 1)
  t.match(bad.err, /store\.yaml:2:1: Unknown key ring in the configuration: /)
  t.match(bad.err, /agent\.yaml:6/)
  t.match(bad.err, /nosuch/)
  const good = await run([join(dir, 'loki.yaml')])
  t.equal(good.code, 0)
  t.match(
    good.out,
    /loki\.yaml:3:3: server\.grpc_listen_port has no meaning here: .*\n.*valid store configuration/,
  )
  const filled = await run(['-config.expand-env', join(dir, 'good.yaml')], { URL: 'http://h' })
  t.equal(filled.code, 0)
  t.match(filled.out, /valid agent configuration/)
  const missing = await run([join(dir, 'nowhere.yaml')])
  t.equal(missing.code, 1)
  t.match(missing.err, /nowhere\.yaml: no such file/)
})

test('skald check names -config.expand-env where a variable is not filled in', async t => {
  const agent = 'clients: [{url: "http://h/loki/api/v1/push"}]\nscrape_configs: []\n'
  const dir = t.testdir({
    'store.yaml':
      'server:\n  http_listen_port: ${PORT}\n  http_server_read_timeout: ${WAIT:-30s}\n',
    'agent.yaml': `server:\n  http_listen_port: \${PORT}\n${agent}`,
    'flow.yaml': 'server: {http_listen_port: ${PORT}}\nauth_enabled: false\n',
  })
  const paths = ['store.yaml', 'agent.yaml', 'flow.yaml'].map(name => join(dir, name))
  const without = createTestTerminal({ PORT: '3100' })
  t.equal(await runCheckCommand(paths, without), 1)
  const flag = String.raw`is only expanded with -config\.expand-env=true`
  for (const place of ['store.yaml:2', 'store.yaml:3', 'agent.yaml:2', 'flow.yaml:1']) {
    t.match(without.written.err(), new RegExp(`${place}:.*${flag}`))
  }
  t.notMatch(without.written.err(), /flow\.yaml:2/, 'what only follows from that is not told')
  const filled = createTestTerminal({ PORT: '3100' })
  t.equal(await runCheckCommand(['-config.expand-env', ...paths], filled), 0)
  const wrong = createTestTerminal({ PORT: 'x' })
  t.equal(await runCheckCommand(['-config.expand-env', paths[0]!], wrong), 1)
  t.match(wrong.written.err(), /store\.yaml:2:.*-config\.expand-env changed this line/)
})

test("skald check knows a store's file of overrides", async t => {
  const dir = t.testdir({
    'good.yaml': 'overrides:\n  one:\n    max_line_size: 1MB\n    bloom_ngram_skip: 1\n',
    'bad.yaml': 'overrides:\n  one:\n    max_line_sise: 1MB\n',
  })
  const terminal = createTestTerminal()
  t.equal(await runCheckCommand([join(dir, 'good.yaml'), join(dir, 'bad.yaml')], terminal), 1)
  t.match(
    terminal.written.out(),
    /good\.yaml:4:5: overrides\.one\.bloom_ngram_skip has no meaning here: .*\n.*good\.yaml: valid file of overrides\n$/,
  )
  t.match(
    terminal.written.err(),
    /bad\.yaml:3:5: Unknown key max_line_sise in overrides\.one: did you mean max_line_size\?\n$/,
  )
})

test('skald check says that a file is empty, and explains a directory', async t => {
  const dir = t.testdir({ 'empty.yaml': '', 'comments.yaml': '# nothing yet\n', sub: {} })
  const terminal = createTestTerminal()
  const paths = ['empty.yaml', 'comments.yaml', 'sub'].map(name => join(dir, name))
  t.equal(await runCheckCommand(paths, terminal), 1)
  const [empty, comments, ...rest] = terminal.written.out().split('\n')
  t.match(empty, /empty\.yaml: valid store configuration, but empty: .* an agent needs clients/)
  t.match(comments, /comments\.yaml: valid store configuration, but empty: /)
  t.same(rest, [''])
  t.match(terminal.written.err(), /^Cannot read \S+\/sub: it is a directory\n$/)
})

test("skald check also checks the overrides that a store's configuration names", async t => {
  const dir = t.testdir({
    'good.yaml': 'overrides: {one: {max_line_size: 1MB, bloom_ngram_skip: 1}}\n',
    'bad.yaml': 'overrides:\n  one: {max_line_size: big}\n',
  })
  const check = async (keys: string) => {
    const path = join(dir, 'store.yaml')
    await writeFile(path, keys)
    const terminal = createTestTerminal()
    const code = await runCheckCommand([path], terminal)
    return { code, out: terminal.written.out(), err: terminal.written.err() }
  }
  const file = (name: string) => JSON.stringify(join(dir, name))
  const good = await check(`runtime_config:\n  file: ${file('good.yaml')}\n`)
  t.equal(good.code, 0)
  t.match(good.out, /good\.yaml:1:39: overrides\.one\.bloom_ngram_skip has no meaning here/)
  t.match(good.out, /store\.yaml: valid store configuration\n$/)
  const bad = await check(`limits_config: {per_tenant_override_config: ${file('bad.yaml')}}\n`)
  t.equal(bad.code, 1)
  t.match(bad.err, /bad\.yaml:2:9: overrides\.one\.max_line_size must be a byte size such as /)
  const missing = await check(`runtime_config:\n  file: ${file('none.yaml')}\n`)
  t.equal(missing.code, 0, 'the file may exist where the store runs')
  t.match(
    missing.out,
    /store\.yaml:2:3: Cannot open \S+none\.yaml: no such file or directory; a store does not start without this file of overrides\n/,
  )
})

test('skald check wants files', async t => {
  await t.rejects(runCheckCommand([], createTestTerminal()), { code: 'USAGE' })
  await t.rejects(runCheckCommand(['-nosuch'], createTestTerminal()), { code: 'FLAG' })
})
