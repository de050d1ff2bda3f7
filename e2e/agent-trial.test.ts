// The agent as a tool for people who write its configuration: -check-syntax, -dry-run, -inspect,
// -stdin.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { startReceiver } from '../packages/agent/test/harness.ts'
import { cleanEnv, skaldCommand } from './skald-process.ts'

const config = (directory: string, url = 'http://127.0.0.1:1/loki/api/v1/push') => `server:
  http_listen_address: 127.0.0.1
  http_listen_port: 0
positions: {filename: "${directory}/positions.yaml"}
clients:
  - url: ${url}
    batchwait: 20ms
    external_labels: {cluster: test}
    basic_auth: {username: me, password: hush}
scrape_configs:
  - job_name: app
    pipeline_stages:
      - logfmt: {mapping: {level: , msg: }}
      - labels: {level: }
      - output: {source: msg}
      - match: {selector: '{level="debug"}', action: drop}
    relabel_configs:
      - {source_labels: [team], target_label: group}
    static_configs: [{labels: {job: app, team: blue, __path__: "${directory}/*.log"}}]
`

const env = { ...cleanEnv(), TZ: 'UTC', HOSTNAME: 'test-host' } as NodeJS.ProcessEnv

/** Runs the agent until it ends. */
function run(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(skaldCommand, ['agent', ...args], {
    ...{ input, env, encoding: 'utf8', timeout: 60_000 },
  })
  return { status, stdout, stderr }
}

const entryLines = (text: string) => text.split('\n').filter(line => line.includes('\t'))

test('-check-syntax checks the whole configuration and reports file and line', async t => {
  const directory = t.testdir({ 'good.yaml': '', 'bad.yaml': '', 'torn.yaml': 'clients: [\n' })
  writeFileSync(`${directory}/good.yaml`, config(directory))
  const bad = config(directory).replace('- output:', '- outptu:')
  writeFileSync(`${directory}/bad.yaml`, bad)
  const check = (name: string) => run(['-check-syntax', `-config.file=${directory}/${name}`])
  const good = check('good.yaml')
  t.equal(good.status, 0)
  t.match(good.stdout, /^Valid config file! No syntax issues found\n$/)
  t.notOk(existsSync(`${directory}/positions.yaml`), 'nothing was started')
  const wrong = check('bad.yaml')
  t.equal(wrong.status, 1)
  t.match(wrong.stderr, `${directory}/bad.yaml:15:9: Unknown stage type outptu`)
  t.match(check('torn.yaml').stderr, /torn\.yaml:2:1: This is not YAML/)
  const missing = check('none.yaml')
  t.equal(missing.status, 1)
  t.match(missing.stderr, 'Invalid config file')
  t.equal(run(['-no-such-flag']).status, 2)
})

test('-dry-run prints entries with their final labels, and changes nothing', async t => {
  const log = 'level=info msg=one\nlevel=debug msg=two\nlevel=warn msg=three\n'
  const directory = t.testdir({ 'a.log': log })
  const positions = `positions:\n  ${directory}/a.log: "19"\n`
  writeFileSync(`${directory}/positions.yaml`, positions)
  writeFileSync(`${directory}/agent.yaml`, config(directory))
  const args = ['agent', '-dry-run', `-config.file=${directory}/agent.yaml`]
  const agent = spawn(skaldCommand, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => agent.kill('SIGKILL'))
  let stdout = ''
  agent.stdout.on('data', chunk => {
    stdout += chunk
  })
  while (entryLines(stdout).length < 1) await sleep(20)
  agent.kill('SIGTERM')
  const [code] = await once(agent, 'exit')
  t.equal(code, 0)
  t.match(stdout, /^Clients configured:\n-{22}\nurl: http:\/\/127\.0\.0\.1:1\/loki/)
  t.notMatch(stdout, 'hush')
  const [time, labels, line] = entryLines(stdout)[0]!.split('\t')
  t.match(time!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+0000$/)
  t.equal(
    labels,
    `{cluster="test", filename="${directory}/a.log", group="blue", job="app", level="warn", team="blue"}`,
  )
  t.equal(line, 'three', 'it begins where positions say')
  t.equal(entryLines(stdout).length, 1)
  t.equal(readFileSync(`${directory}/positions.yaml`, 'utf8'), positions)
  t.strictSame(readdirSync(directory).sort(), ['a.log', 'agent.yaml', 'positions.yaml'])
})

test('-stdin runs the lines of standard input through the first job and ends with it', async t => {
  const directory = t.testdir({ 'a.log': 'level=info msg=file\n' })
  writeFileSync(`${directory}/agent.yaml`, config(directory))
  const input = 'level=info msg=one\r\n\nlevel=debug msg=two\nlevel=warn msg=three'
  const { status, stdout } = run(
    ['-stdin', '-dry-run', `-config.file=${directory}/agent.yaml`],
    input,
  )
  t.equal(status, 0)
  const rest = '{cluster="test", group="blue", job="app", level="'
  t.strictSame(
    entryLines(stdout).map(line => line.slice(line.indexOf('\t') + 1)),
    [`${rest}info", team="blue"}\tone`, `${rest}warn", team="blue"}\tthree`],
  )
})

test('-stdin needs no configuration file, and waits until the server has everything', async t => {
  const receiver = await startReceiver(t)
  let refused = 0
  receiver.answer(() => (++refused <= 3 ? 503 : 204))
  const text = Array.from({ length: 5000 }, (_, i) => `n ${i}\n`).join('')
  const agent = spawn(
    skaldCommand,
    ['agent', '-stdin', `-client.url=${receiver.url}`, '-client.min-backoff=20ms'],
    { env, stdio: ['pipe', 'ignore', 'inherit'] },
  )
  t.teardown(() => agent.kill('SIGKILL'))
  agent.stdin.end(text)
  const [code] = await once(agent, 'exit')
  t.equal(code, 0)
  t.equal(receiver.entries.length, 5000)
  t.strictSame(
    [...new Set(receiver.entries.map(({ labels }) => labels))],
    ['{hostname="test-host", job="stdin"}'],
  )
  t.equal(receiver.entries.map(({ line }) => `${line}\n`).join(''), text)
})

test('-inspect shows what each stage does to a line', async t => {
  const directory = t.testdir({ 'agent.yaml': '' })
  writeFileSync(`${directory}/agent.yaml`, config(directory))
  const args = ['-stdin', '-dry-run', '-inspect', `-config.file=${directory}/agent.yaml`]
  const { stderr } = run(args, 'level=info msg=one\nlevel=debug msg=two\n')
  const shown = stderr.split('\n').filter(line => !line.startsWith('level='))
  t.strictSame(shown.slice(0, 17), [
    '[inspect: logfmt stage]:',
    '  extracted level',
    '    + info',
    '  extracted msg',
    '    + one',
    '[inspect: labels stage]:',
    '  label level',
    '    + info',
    '[inspect: output stage]:',
    '  line',
    '    - "level=info msg=one"',
    '    + "one"',
    '[inspect: match stage]:',
    '  nothing changes',
    '[inspect: logfmt stage]:',
    '  extracted level',
    '    + debug',
  ])
  t.equal(shown.at(-2), '  the line does not go on')
})

const hasScript = spawnSync('script', ['--version']).status === 0
const skip = hasScript ? false : 'no script(1) to make a terminal with'

test('-inspect uses colours on a terminal, and respects NO_COLOR', { skip }, async t => {
  const directory = t.testdir({ 'agent.yaml': '', input: 'level=info msg=one\n' })
  writeFileSync(`${directory}/agent.yaml`, config(directory))
  const command = `${skaldCommand} agent -stdin -dry-run -inspect -config.file=${directory}/agent.yaml < ${directory}/input`
  const onTerminal = (more: { readonly NO_COLOR: string }) =>
    spawnSync('script', ['-qec', command, '/dev/null'], {
      ...{ env: { ...env, ...more }, encoding: 'utf8', timeout: 60_000 },
    }).stdout
  // The environment of the test may set it.
  t.match(onTerminal({ NO_COLOR: '' }), '\u001b[32m    + info\u001b[0m')
  t.notMatch(onTerminal({ NO_COLOR: '1' }), '\u001b[3')
})
