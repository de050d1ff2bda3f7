// Pods that disappear while the agent is down, with their directories still there.

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { configText, startReceiver, startTestAgent, waitFor } from '../harness.ts'
import { pod, startKubernetesApi } from '../kubernetes-api.ts'

async function setUp(t: Test) {
  const directory = t.testdir({})
  const api = await startKubernetesApi(t)
  const receiver = await startReceiver(t)
  const job = `    pipeline_stages: [{cri: {}}]
    kubernetes_sd_configs: [{role: pod, api_server: "${api.url}"}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
      - {source_labels: [__meta_kubernetes_pod_label_team], target_label: team}
      - {source_labels: [pod], target_label: __path__, replacement: "${directory}/$1/*.log"}`
  const config = configText({ directory, url: receiver.url, job }).replace(
    / {4}static_configs.*\n/,
    '',
  )
  const start = (text = config) => startTestAgent(t, text)
  const write = (name: string, ...lines: string[]) => {
    mkdirSync(`${directory}/${name}`, { recursive: true })
    const text = lines.map(line => `2026-01-01T00:00:00Z stdout F ${line}\n`).join('')
    appendFileSync(`${directory}/${name}/0.log`, text)
  }
  const put = (name: string) => {
    const { metadata } = pod(name)
    api.put('pods', pod(name, { metadata: { ...metadata, labels: { team: `of ${name}` } } }))
  }
  const lines = () => receiver.entries.map(({ line }) => line)
  return { directory, api, receiver, config, start, write, put, lines }
}

test('A pod that was deleted while the agent was away is read to its end, with its labels', async t => {
  const { api, receiver, start, write, put, lines, directory } = await setUp(t)
  for (const name of ['gone', 'stays']) {
    put(name)
    write(name, `${name} 1`)
  }
  const first = await start()
  await receiver.until(() => receiver.entries.length === 2)
  await first.stop()
  write('gone', 'gone 2', 'gone 3')
  write('stays', 'stays 2')
  api.delete('pods', pod('gone'))
  const second = await start()
  await receiver.until(() => receiver.entries.length === 5)
  t.same(lines().slice(2).toSorted(), ['gone 2', 'gone 3', 'stays 2'])
  const { labels } = receiver.entries.find(({ line }) => line === 'gone 3')!
  t.equal(
    labels,
    `{filename="${directory}/gone/0.log", pod="gone", stream="stdout", team="of gone"}`,
  )
  await waitFor(() => second.targets().length === 1)
  await second.stop()
  // It was read to its end: another start finds nothing new in it.
  await start()
  write('stays', 'stays 3')
  await receiver.until(() => lines().includes('stays 3'))
  await sleep(300)
  t.equal(receiver.entries.length, 6)
})

test('After a restart the agent continues with a pod that disappeared while the server was down', async t => {
  const { api, receiver, start, write, put, lines } = await setUp(t)
  put('gone')
  write('gone', 'gone 1')
  const first = await start()
  await receiver.until(() => receiver.entries.length === 1)
  receiver.respond(503)
  write('gone', 'gone 2')
  api.delete('pods', pod('gone'))
  await waitFor(() => receiver.refusals > 0)
  await waitFor(() => first.jobs[0]!.targets.length === 0)
  await first.stop()
  receiver.respond(204)
  await start()
  await receiver.until(() => receiver.entries.length === 2)
  t.same(lines(), ['gone 1', 'gone 2'])
})

test('Targets of a changed job, or from a damaged file, are forgotten', async t => {
  const { directory, api, receiver, config, start, write, put, lines } = await setUp(t)
  const path = `${directory}/positions.yaml.targets`
  put('gone')
  put('stays')
  write('gone', 'gone 1')
  const first = await start()
  await receiver.until(() => receiver.entries.length === 1)
  await first.stop()
  t.ok(existsSync(path))
  const kept = readFileSync(path, 'utf8')
  write('gone', 'gone 2')
  api.delete('pods', pod('gone'))
  const see = async (text: string, line: string) => {
    const agent = await start(text)
    write('stays', line)
    await receiver.until(() => lines().includes(line))
    await sleep(300)
    t.equal(lines().includes('gone 2'), false, line)
    await agent.stop()
  }
  await see(config.replace('target_label: team', 'target_label: group'), 'other rules')
  for (const torn of ['', '{', '[]', '{"jobs": {"test": {"targets": [{}]}}}', 'null']) {
    writeFileSync(path, torn)
    await see(config, `torn ${torn}`)
  }
  writeFileSync(path, kept)
  await start()
  await receiver.until(() => lines().includes('gone 2'))
})
