// The pages that a browser and Prometheus find at the address of `skald all` and of a store alone.

import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { reservePort, spawnSkald } from './skald-process.ts'

root.setTimeout(60_000)

async function answerOf(url: string, isGood: (text: string) => boolean = () => true) {
  for (let i = 0; i < 300; i++) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) {
      const text = await response.text()
      if (isGood(text)) return text
    }
    await sleep(100)
  }
  throw new Error(`${url} did not answer as expected`)
}

test('/ of a store without the page shows the version and links', async t => {
  const dir = t.testdir({ 'store.yaml': 'page: {enabled: false}\nauth_enabled: false\n' })
  const port = await reservePort()
  const store = spawnSkald({
    args: [
      'store',
      `-config.file=${dir}/store.yaml`,
      `-common.path-prefix=${dir}/data`,
      `-server.http-listen-port=${port}`,
      '-server.path-prefix=/logs',
    ],
    outputFile: join(dir, 'out'),
  })
  const url = `http://127.0.0.1:${port}`
  await answerOf(`${url}/logs/ready`)
  const page = await answerOf(`${url}/logs/`)
  const { version } = JSON.parse(await answerOf(`${url}/logs/loki/api/v1/status/buildinfo`))
  t.match(page, `Skald ${version}`)
  t.match(page, 'docs/')
  const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, link]) => link!)
  t.ok(links.includes('/logs/metrics') && links.includes('/logs/config'))
  for (const link of links) t.ok((await fetch(`${url}${link}`)).ok, link)
  t.notMatch(page, 'agent/targets', 'there is no agent')
  await store.end('SIGTERM')
})

test('skald all serves the pages and metrics of its agent', async t => {
  const dir = t.testdir({ 'a.log': 'one\n' })
  const port = await reservePort()
  const config = join(dir, 'agent.yaml')
  writeFileSync(
    config,
    `positions: {filename: ${dir}/positions.yaml}
clients: [{url: "http://127.0.0.1:${port}/loki/api/v1/push", batchwait: 100ms}]
scrape_configs:
  - job_name: files
    static_configs: [{labels: {job: files, __path__: ${dir}/*.log}}]
`,
  )
  const all = spawnSkald({
    args: [
      'all',
      `-common.path-prefix=${dir}/data`,
      `-server.http-listen-port=${port}`,
      `-agent.config.file=${config}`,
    ],
    outputFile: join(dir, 'out'),
  })
  const url = `http://127.0.0.1:${port}`
  t.match(await answerOf(`${url}/agent/ready`), 'Ready')
  appendFileSync(join(dir, 'a.log'), 'two\n')
  const read = /promtail_read_lines_total\{[^}]*a\.log[^}]*\} 2/
  const metrics = await answerOf(`${url}/metrics`, text => read.test(text))
  t.match(metrics, /^loki_/m, 'those of the store are there as well')
  const types = [...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!)
  t.same(
    types.filter((name, i) => types.indexOf(name) !== i),
    [],
    'no metric is there twice',
  )
  t.match(await answerOf(`${url}/agent/metrics`), read)

  t.match(await answerOf(`${url}/agent/targets`), 'a.log')
  t.match(await answerOf(`${url}/agent/config`), 'job_name: files')
  t.match(await answerOf(`${url}/agent/service-discovery`), 'files')
  const view = JSON.parse(await answerOf(`${url}/agent/targets?format=json`))
  t.match(view, { jobs: [{ job: 'files', isReady: true }] })
  t.match(await answerOf(`${url}/`), '<div id="app">', 'the page is at the root')
  const arrived = (text: string) => JSON.parse(text).data.clients[0]?.lines === 2
  const status = JSON.parse(await answerOf(`${url}/skald/status`, arrived))
  t.match(status.data, { hasAgent: true, state: 'ready', clients: [{ lines: 2 }] })
  const page = await answerOf(`${url}/agent/targets`)
  for (const [, link] of page.matchAll(/<a href="([^"]+)"/g)) {
    t.ok((await fetch(`${url}${link}`)).ok, link!)
  }
  await all.end('SIGTERM')
})
