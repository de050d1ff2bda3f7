import { test } from 'tap'
import { startReceiver, startTestAgent, waitFor } from '../harness.ts'
import { pod, startKubernetesApi } from '../kubernetes-api.ts'

test('/service-discovery shows what was found, what came of it, and why the rest is left out', async t => {
  const directory = t.testdir({ 'a.log': 'one\n' })
  const api = await startKubernetesApi(t)
  const receiver = await startReceiver(t)
  api.put('pods', pod('web', { metadata: { name: 'web', labels: { app: '<web>' } } }))
  for (let i = 0; i < 150; i++) api.put('pods', pod(`batch-${i}`))
  const agent = await startTestAgent(
    t,
    `server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml"}
clients: [{url: "${receiver.url}"}]
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs: [{role: pod, api_server: "${api.url}"}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_name], regex: batch-.*, action: drop}
      - {source_labels: [__meta_kubernetes_pod_label_app], target_label: app}
      - {target_label: __path__, replacement: "${directory}/*.log"}
  - job_name: waiting
    kubernetes_sd_configs: [{role: pod, api_server: "http://127.0.0.1:1"}]
  - job_name: others
    static_configs:
      - labels: {__path__: /x, __host__: elsewhere}
      - labels: {job: x}
`,
  )
  await waitFor(() => agent.jobs[0]!.isComplete)
  const ask = async (query: string) =>
    (await fetch(`${agent.url}/service-discovery${query}`)).text()
  const page = await ask('')
  t.match(page, '<h2>pods</h2><p class="soft">1 are read, 150 are left out</p>')
  t.match(page, '50 more: use the filter')
  t.match(page, '__meta_kubernetes_pod_label_app=&quot;&lt;web&gt;&quot;')
  t.match(page, 'app=&quot;&lt;web&gt;&quot;')
  t.match(page, 'not read: dropped by relabelling')
  t.match(page, /<h2>waiting<\/h2>.*discovery has not answered/)
  t.match(page, 'not read: __host__ is another host')
  t.match(page, 'not read: it has no __path__')

  const json = JSON.parse(await ask('?format=json&filter=web'))
  t.same(
    json.jobs.map((job: { readCount: number; leftOutCount: number }) => [
      job.readCount,
      job.leftOutCount,
    ]),
    [
      [1, 0],
      [0, 0],
      [0, 0],
    ],
  )
  const [web] = json.jobs[0].targets
  t.equal(web.discoveredLabels.__meta_kubernetes_pod_name, 'web')
  t.same(web.labels, { app: '<web>' })
  t.equal(web.path, `${directory}/*.log`)
  const found = JSON.parse(await ask('?format=json&filter=batch-149'))
  t.match(found.jobs[0], { leftOutCount: 1, targets: [{ reason: 'dropped' }] })
  // A later push would look for a directory that is gone.
  await receiver.until(() => receiver.entries.length === 1)
})
