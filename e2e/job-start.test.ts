// Jobs that cannot start: the agent continues with the others, reports which and why, and starts
// them once it can.

import { execFile } from 'node:child_process'
import { appendFileSync, existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { cleanEnv, reservePort, skaldCommand, spawnSkald, takePort } from './skald-process.ts'

root.setTimeout(90_000)

/** Returns a PATH with what the program needs to start, but without journalctl. */
function pathWithoutJournal(dir: string): string {
  const bin = join(dir, 'bin')
  for (const name of ['dirname', 'readlink', 'env', 'sh']) {
    const found = (process.env.PATH ?? '').split(delimiter).map(folder => join(folder, name))
    const path = found.find(candidate => existsSync(candidate))
    if (path !== undefined) symlinkSync(path, join(bin, name))
  }
  return bin
}

function writeConfig(dir: string, port: number, jobs: string): string {
  const path = join(dir, 'agent.yaml')
  writeFileSync(
    path,
    `server: {http_listen_address: 127.0.0.1, http_listen_port: ${port}}
positions: {filename: ${dir}/positions.yaml}
clients: [{url: "http://127.0.0.1:9/loki/api/v1/push"}]
scrape_configs:
${jobs}`,
  )
  return path
}

async function answerOf(url: string): Promise<{ status: number; text: string }> {
  for (let i = 0; ; i++) {
    try {
      const response = await fetch(url)
      return { status: response.status, text: await response.text() }
    } catch (error) {
      if (i > 200) throw error
      await sleep(100)
    }
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await condition()) return
    await sleep(100)
  }
  throw new Error('waited 30 s for nothing')
}

test('a job that cannot start does not end the agent, and starts once it can', async t => {
  const dir = t.testdir({ bin: {}, 'a.log': 'one\n' })
  const taken = await takePort()
  t.teardown(taken.free)
  const port = await reservePort()
  const url = `http://127.0.0.1:${port}`
  const file = writeConfig(
    dir,
    port,
    `  - job_name: listens
    syslog: {listen_address: "127.0.0.1:${taken.port}"}
  - job_name: pushed
    loki_push_api: {server: {http_listen_address: 127.0.0.1, http_listen_port: ${taken.port}}}
  - job_name: queue
    kafka: {brokers: ["127.0.0.1:9"], topics: [logs]}
  - job_name: system
    journal: {}
  - job_name: files
    static_configs: [{labels: {__path__: ${dir}/*.log}}]
`,
  )
  const env = { PATH: pathWithoutJournal(dir) }

  const warned = await new Promise<string>((resolve, reject) =>
    execFile(skaldCommand, ['check', file], { env: { ...cleanEnv(), ...env } }, (error, out) =>
      error ? reject(error) : resolve(out),
    ),
  )
  const doubt = (line: number, job: string, why: string) =>
    new RegExp(`agent\\.yaml:${line}:1: Job ${job} cannot start on this machine now: .*${why}`)
  t.match(
    warned,
    doubt(5, 'listens', `127\\.0\\.0\\.1:${taken.port}: another program has the port`),
  )
  t.match(warned, doubt(7, 'pushed', 'another program has the port'))
  t.match(warned, doubt(9, 'queue', '127\\.0\\.0\\.1:9 cannot be reached'))
  t.match(warned, doubt(11, 'system', 'journalctl cannot be run'))
  t.match(warned, /valid agent configuration/, 'it is a warning, no mistake')

  const agent = spawnSkald({
    args: ['agent', `-config.file=${file}`],
    outputFile: join(dir, 'agent.out'),
    env,
  })
  await until(async () => (await answerOf(`${url}/ready`)).status === 200)
  await until(async () => /Job queue: /.test((await answerOf(`${url}/ready`)).text))
  const { text: ready } = await answerOf(`${url}/ready`)
  t.match(ready, /^Ready\n/)
  t.match(ready, /^Job listens: Cannot listen on 127\.0\.0\.1:\d+: another program has the port/m)
  t.match(ready, /^Job pushed: Cannot listen/m)
  t.match(ready, /^Job queue: Kafka cannot be read/m)
  t.match(ready, /^Job system: .*journalctl cannot be run/m)

  const view = JSON.parse((await answerOf(`${url}/targets?format=json`)).text) as {
    jobs: { job: string; isReady: boolean; sources: { problem?: string }[] }[]
  }
  const jobOf = (name: string) => view.jobs.find(({ job }) => job === name)!
  t.match(jobOf('listens'), { isReady: false, sources: [{ problem: /another program/ }] })
  t.match(jobOf('files'), { isReady: true, sources: [] })
  t.match((await answerOf(`${url}/targets`)).text, /journalctl cannot be run/)

  const states = async () => (await answerOf(`${url}/metrics`)).text
  for (const job of ['listens', 'pushed', 'queue', 'system']) {
    t.match(await states(), `skald_agent_source_ready{job="${job}"} 0`)
  }

  appendFileSync(join(dir, 'a.log'), 'two\n')
  await until(async () => /promtail_read_lines_total\{[^}]*a\.log[^}]*\} 2/.test(await states()))

  await taken.free()
  await until(async () => /source_ready\{job="(listens|pushed)"\} 1/.test(await states()))
  if ((await states()).includes('skald_agent_source_ready{job="listens"} 1')) {
    const sender = connect(taken.port, '127.0.0.1')
    sender.end('<13>1 2026-05-01T00:00:00Z host app - - - hello\n')
    await until(async () => /promtail_syslog_target_entries_total 1/.test(await states()))
  }
  t.match(agent.output(), /Job runs now/)
  const told = agent.output().match(/Job cannot start/g) ?? []
  t.equal(told.length, 3, 'each is reported once, however often it is retried')
  await agent.end('SIGTERM')
  t.equal((await agent.exited).code, 0)
})

test('an agent whose jobs all fail to start says why it is not ready', async t => {
  const dir = t.testdir()
  const taken = await takePort()
  t.teardown(taken.free)
  const port = await reservePort()
  const job = `  - {job_name: other, syslog: {listen_address: "127.0.0.1:${taken.port}"}}\n`
  const file = writeConfig(dir, port, job)
  const agent = spawnSkald({
    args: ['agent', `-config.file=${file}`],
    outputFile: join(dir, 'agent.out'),
  })
  const { status, text } = await answerOf(`http://127.0.0.1:${port}/ready`)
  t.equal(status, 500)
  t.match(text, /^Not ready.*\nJob other: Cannot listen/s)
  await taken.free()
  await until(async () => (await answerOf(`http://127.0.0.1:${port}/ready`)).text === 'Ready\n')
  await agent.end('SIGTERM')
})
