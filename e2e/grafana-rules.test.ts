// Rows 100 to 105 of docs/clients.md: Grafana's requests for data-source-managed rules, in the order in which people cause
// them. Grafana sends names with special characters encoded once, and wants YAML where it sends YAML.

import { t as root, test } from 'tap'
import { parse } from 'yaml'
import { startStore, type TestStore } from './harness.ts'

let store: TestStore
const base = '/api/prom/rules'
const group = (expr: string) =>
  `name: my group\ninterval: 1s\nrules:\n  - alert: High\n    expr: ${expr}\n    for: 0s\n    labels: {severity: page}\n    annotations: {summary: high}\n`
const send = (method: string, path: string, body?: string) =>
  store.request(path, {
    method,
    headers: { 'content-type': 'application/yaml', 'user-agent': 'Grafana/12.0.0' },
    ...(body !== undefined && { body }),
  })

test('the look for a ruler finds that rules can be written', async t => {
  store = await startStore(root, {
    dir: root.testdir(),
    config: 'ruler: {evaluation_interval: 1s}\n',
  })
  const { status, body } = await store.request(`${base}/test/test`)
  t.equal(status, 404)
  t.match(body, 'group does not exist')
  const list = await store.request('/prometheus/api/v1/rules')
  t.match(list.headers.get('content-type'), /json/)
  t.same(JSON.parse(list.body).data.groups, [])
})

test('a group is created with YAML, and the answer is JSON', async t => {
  const { status, headers, body } = await send(
    'POST',
    `${base}/my%20folder`,
    group('vector(1) > 2'),
  )
  t.equal(status, 202)
  t.match(headers.get('content-type'), /json/)
  t.match(JSON.parse(body), { status: 'success' })
})

test('groups are listed as YAML, by namespace and alone', async t => {
  for (const path of [base, `${base}/my%20folder`]) {
    const { status, headers, body } = await store.request(path)
    t.equal(status, 200)
    t.match(headers.get('content-type'), /yaml/)
    t.same(Object.keys(parse(body) as object), ['my folder'])
  }
  const { headers, body } = await store.request(`${base}/my%20folder/my%20group`)
  t.match(headers.get('content-type'), /yaml/)
  t.same(parse(body), {
    name: 'my group',
    interval: '1s',
    rules: [
      {
        alert: 'High',
        expr: 'vector(1) > 2',
        labels: { severity: 'page' },
        annotations: { summary: 'high' },
      },
    ],
  })
})

test('a group is edited by sending it again', async t => {
  t.equal((await send('POST', `${base}/my%20folder`, group('vector(1) > 0'))).status, 202)
  const { body } = await store.request(base)
  t.match(parse(body), { 'my folder': [{ rules: [{ expr: 'vector(1) > 0' }] }] })
})

test('the state of rules has their alerts', async t => {
  for (;;) {
    const { body } = await store.request('/prometheus/api/v1/rules?group_limit=100')
    const [found] = JSON.parse(body).data.groups
    if (found?.rules[0].state !== 'firing') continue
    t.match(found, {
      name: 'my group',
      file: 'my folder',
      interval: 1,
      rules: [
        {
          name: 'High',
          type: 'alerting',
          health: 'ok',
          duration: 0,
          query: /vector\(1\.?0*\) > 0/,
          alerts: [{ state: 'firing', labels: { alertname: 'High', severity: 'page' } }],
        },
      ],
    })
    break
  }
  const alerts = await store.request('/prometheus/api/v1/alerts')
  t.equal(JSON.parse(alerts.body).data.alerts.length, 1)
})

test('a group is deleted, and with the last one its namespace', async t => {
  t.equal((await send('DELETE', `${base}/my%20folder/my%20group`)).status, 202)
  t.equal((await store.request(`${base}/my%20folder`)).status, 404)
  t.equal((await send('DELETE', `${base}/my%20folder`)).status, 404)
  const { body } = await store.request('/prometheus/api/v1/rules')
  t.same(JSON.parse(body).data.groups, [])
})
