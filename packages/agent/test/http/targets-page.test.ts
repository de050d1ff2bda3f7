import { appendFileSync } from 'node:fs'
import { test } from 'tap'
import type { TargetsView } from '../../src/http/targets-page.ts'
import { configText, startReceiver, startTestAgent, waitFor } from '../harness.ts'

test('/targets shows jobs, labels, files and positions, as a page and as JSON', async t => {
  const directory = t.testdir({ 'a.log': 'one\n', 'b&<b>.log': 'one\ntwo\n' })
  const receiver = await startReceiver(t)
  const top = 'limits_config: {}'
  const text = configText({ directory, url: receiver.url, top })
  const agent = await startTestAgent(
    t,
    `${text.replace('http_listen_port: 0', 'http_listen_port: 0, http_path_prefix: /agent')}
  - job_name: empty
    static_configs: [{labels: {job: empty, __path__: "${directory}/*.none"}}]
`,
  )
  await receiver.until(() => receiver.entries.length === 3)
  appendFileSync(`${directory}/a.log`, 'without end')
  const get = (path: string, accept = 'text/html') =>
    fetch(`${agent.url}${path}`, { headers: { accept } })
  const redirected = await fetch(`${agent.url}/agent/`, { redirect: 'manual' })
  t.equal(redirected.status, 303)
  t.equal(redirected.headers.get('location'), '/agent/targets')

  const response = await get('/agent/targets')
  t.match(response.headers.get('content-security-policy'), /default-src 'none'/)
  const page = await response.text()
  t.match(page, /<h2>test<\/h2>.*static: 1 targets, <span class="good">ready/)
  t.match(page, /<h2>empty<\/h2>.*not ready: no file is being read/)
  t.match(page, `<code>${directory}/b&amp;&lt;b&gt;.log</code> 8 of 8`)
  t.match(page, 'a.log</code> 4 of 15 <span class="bad">11 behind</span>')
  t.match(page, '<code class="label">job=&quot;test&quot;</code>')
  t.notMatch(page, '<b>')
  t.match(page, 'href="/agent/service-discovery"')

  const json = (await (await get('/agent/targets?format=json')).json()) as TargetsView
  t.match(json, {
    jobs: [
      { job: 'test', discovery: ['static'], isComplete: true, isReady: true },
      { job: 'empty', isReady: false, targets: [{ files: [] }] },
    ],
  })
  const accepted = await (await get('/agent/targets', 'application/json')).json()
  t.same(accepted, json)
  const target = json.jobs[0]!.targets[0]!
  t.equal(target.path, `${directory}/*.log`)
  t.same(target.labels, { job: 'test' })
  t.match(target.files[0], { path: `${directory}/a.log`, readOffset: 4, sizeBytes: 15 })
})

test('/targets filters by paths and labels, and escapes them', async t => {
  const directory = t.testdir({ 'a.log': 'one\n' })
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  await waitFor(() => agent.isReady)
  const count = async (filter: string) => {
    const query = new URLSearchParams({ filter, format: 'json' })
    const answer = await fetch(`${agent.url}/targets?${query}`)
    return ((await answer.json()) as TargetsView).jobs[0]!.targets.length
  }
  t.equal(await count('JOB="test"'), 1)
  t.equal(await count('job=test'), 1)
  t.equal(await count('a.log'), 1)
  t.equal(await count('other'), 0)
  const page = await (await fetch(`${agent.url}/targets?filter="><script>`)).text()
  t.match(page, 'value="&quot;&gt;&lt;script&gt;"')
  t.equal((await fetch(`${agent.url}/targets?filter=a&filter=b`)).status, 200)
})
