// Runs against a server that answers like Marathon's documented API.

import { type Test, test } from 'tap'
import { discoverOnce, problemOfEntry } from './job-entry.ts'
import { startJsonApi } from './json-api.ts'

const key = 'marathon_sd_configs'

const task = (id: string, more: object = {}) => ({ id, host: '10.0.0.1', ports: [31000], ...more })

const apps = [
  {
    id: '/shop/web',
    labels: { 'com.example.team': 'shop' },
    container: {
      docker: { image: 'web:1' },
      portMappings: [{ containerPort: 80, hostPort: 0, labels: { metrics: 'yes' } }],
    },
    tasks: [task('t1'), task('t2', { ports: [31001] })],
  },
  {
    id: '/shop/db',
    container: { docker: { image: 'db:1', portMappings: [{ containerPort: 5432, hostPort: 9 }] } },
    networks: [{ mode: 'container', name: 'n' }],
    tasks: [task('t3', { ipAddresses: [{ ipAddress: 'fd00::1', protocol: 'IPv6' }] })],
  },
  {
    ...{ id: '/fixed', requirePorts: true, tasks: [task('t4')] },
    portDefinitions: [{ port: 8080, labels: { name: 'http' } }],
  },
  { id: '/picked', portDefinitions: [{ port: 10000 }], tasks: [task('t5')] },
  { id: '/bare', tasks: [task('t6', { ports: [1, 2] })] },
  { id: '/idle', tasks: [] },
]

async function startMarathon(t: Test) {
  const asked: string[] = []
  const address = await startJsonApi(t, request => {
    asked.push(`${request.url} ${request.headers.authorization}`)
    return { apps }
  })
  return { asked, url: `http://${address}` }
}

test('marathon_sd_configs gives a target for each port of each task, of every way to write ports', async t => {
  const directory = t.testdir({ token: 'hush\n' })
  const { asked, url } = await startMarathon(t)
  // The first server does not answer.
  const entry = `{servers: ["http://127.0.0.1:1", "${url}"], auth_token_file: "${directory}/token"}`
  const found = await discoverOnce(t, { key, entry, prefix: '__meta_marathon_' })
  const web = { app: '/shop/web', image: 'web:1', app_label_com_example_team: 'shop' }
  t.same(found, [
    {
      ...{ ...web, task: 't1', port_index: '0', port_mapping_label_metrics: 'yes' },
      __address__: '10.0.0.1:31000',
    },
    {
      ...{ ...web, task: 't2', port_index: '0', port_mapping_label_metrics: 'yes' },
      __address__: '10.0.0.1:31001',
    },
    {
      ...{ app: '/shop/db', image: 'db:1', task: 't3', port_index: '0' },
      __address__: '[fd00::1]:5432',
    },
    {
      ...{ app: '/fixed', task: 't4', port_index: '0', port_definition_label_name: 'http' },
      __address__: '10.0.0.1:8080',
    },
    { app: '/picked', task: 't5', port_index: '0', __address__: '10.0.0.1:31000' },
    { app: '/bare', task: 't6', port_index: '0', __address__: '10.0.0.1:1' },
    { app: '/bare', task: 't6', port_index: '1', __address__: '10.0.0.1:2' },
  ])
  t.same(asked, ['/v2/apps/?embed=apps.tasks token=hush'])
})

test('marathon_sd_configs refuses invalid entries and reports the line', async t => {
  const problem = (entry: string) => problemOfEntry(key, entry)
  t.equal(await problem('{servers: ["http://a:8080"], auth_token: x}'), '')
  t.match(await problem('{}'), /a\.yaml:4:\d+: marathon_sd_configs needs servers/)
  t.match(await problem('{servers: []}'), /a\.yaml:4:\d+: marathon_sd_configs needs servers/)
  t.match(
    await problem('{servers: [a]}'),
    /a\.yaml:4:\d+: \S+\.servers\[0\] must be an http or https URL .*, found the text "a"/,
  )
  t.match(
    await problem('{servers: ["http://a"], auth_token: x, bearer_token: y}'),
    /a\.yaml:4:\d+: give an auth_token or another kind/,
  )
  t.match(
    await problem('{servers: ["http://a"], auth_token: x, auth_token_file: y}'),
    /a\.yaml:4:\d+/,
  )
})
