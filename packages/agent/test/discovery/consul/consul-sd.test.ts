// Runs against a server that answers like Consul's documented HTTP API.

import { mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { type Test, test } from 'tap'
import { configText, startReceiver, startTestAgent, waitFor } from '../../harness.ts'
import { problemOfEntry } from '../job-entry.ts'
import { Refusal, startJsonApi } from '../json-api.ts'

/** Answers by path. Missing paths give 404. */
interface FakeConsul {
  readonly address: string
  readonly asked: { readonly url: string; readonly headers: IncomingHttpHeaders }[]
  answers: Record<string, unknown>
  /** Answers everything with 500. */
  isBroken: boolean
}

async function startConsul(t: Test, answers: Record<string, unknown>): Promise<FakeConsul> {
  const consul = { address: '', asked: [], answers, isBroken: false } as FakeConsul
  const address = await startJsonApi(t, request => {
    consul.asked.push({ url: request.url!, headers: request.headers })
    if (consul.isBroken) return new Refusal(500)
    return consul.answers[new URL(request.url!, 'http://c').pathname] ?? new Refusal()
  })
  return Object.assign(consul, { address })
}

const self = {
  Config: { Datacenter: 'dc1', NodeName: 'host' },
  Member: { Addr: '10.0.0.1' },
  Meta: { rack: 'r1' },
}
const node = {
  ...{ Node: 'host', Address: '10.0.0.1', Meta: { rack: 'r1' } },
  TaggedAddresses: { lan: '10.0.0.1', wan: '1.2.3.4' },
}
const service = (id: string, more: object = {}) => ({
  ...{ ID: id, Service: 'web', Address: '', Port: 8080, Tags: ['a', 'b'] },
  ...{ Meta: { 'log-dir': id }, Namespace: '', ...more },
})
const check = (id: string, status: string, serviceId = '') => ({
  ...{ CheckID: id, Status: status, ServiceID: serviceId },
})

/** Starts an agent on an entry. Returns the labels of what it finds. */
async function discover(t: Test, entry: string, job = '') {
  const directory = t.testdir({})
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url, job: `${entry}\n${job}` })
  const agent = await startTestAgent(t, config.replace(/ {4}static_configs.*\n/, ''))
  const found = () => agent.jobs[0]!.offered.map(({ discovered }) => Object.fromEntries(discovered))
  return { directory, receiver, found }
}

test('consul_sd_configs gives the services of a data centre with all their labels', async t => {
  const consul = await startConsul(t, {
    '/v1/agent/self': self,
    '/v1/catalog/services': { web: ['a', 'b'], db: ['a'], empty: ['a', 'b'] },
    '/v1/health/service/web': [
      {
        Node: node,
        Service: service('web-1'),
        Checks: [check('serfHealth', 'passing'), check('web', 'warning', 'web-1')],
      },
      {
        Node: { ...node, Meta: null },
        Service: service('web-2', { Address: '::1', Port: 81, Tags: null, Namespace: 'team' }),
        Checks: [check('_node_maintenance', 'critical'), check('web', 'passing', 'web-2')],
      },
    ],
    '/v1/health/service/empty': [],
  })
  const { found } = await discover(
    t,
    `    consul_sd_configs: [{server: "${consul.address}", token: hush, tags: [a, b], node_meta: {rack: r1}}]`,
  )
  await waitFor(() => found().length === 2)
  const common = {
    ...{ __meta_consul_service: 'web', __meta_consul_dc: 'dc1', __meta_consul_node: 'host' },
    ...{ __meta_consul_address: '10.0.0.1', __meta_consul_tagged_address_lan: '10.0.0.1' },
    __meta_consul_tagged_address_wan: '1.2.3.4',
  }
  t.same(found(), [
    {
      ...{ ...common, __address__: '10.0.0.1:8080', __meta_consul_tags: ',a,b,' },
      ...{ __meta_consul_service_port: '8080', __meta_consul_service_id: 'web-1' },
      ...{ __meta_consul_health: 'warning', __meta_consul_metadata_rack: 'r1' },
      __meta_consul_service_metadata_log_dir: 'web-1',
    },
    {
      ...{ ...common, __address__: '[::1]:81', __meta_consul_tags: ',,' },
      ...{ __meta_consul_service_port: '81', __meta_consul_service_id: 'web-2' },
      ...{ __meta_consul_health: 'maintenance', __meta_consul_service_address: '::1' },
      ...{ __meta_consul_service_metadata_log_dir: 'web-2', __meta_consul_namespace: 'team' },
    },
  ])
  const asked = consul.asked.map(({ url }) => url)
  t.ok(asked.includes('/v1/health/service/web?stale=true&node-meta=rack%3Ar1&tag=a&tag=b'))
  t.notOk(
    asked.some(url => url.includes('/db')),
    'a service without all tags is not asked for',
  )
  t.ok(consul.asked.every(({ headers }) => headers['x-consul-token'] === 'hush'))
})

test('consul_sd_configs finds the files of this host, and keeps them while Consul is down', async t => {
  const consul = await startConsul(t, {
    '/v1/health/service/web': [{ Node: node, Service: service('web-1'), Checks: [] }],
  })
  const { directory, receiver, found } = await discover(
    t,
    `    consul_sd_configs: [{server: "http://${consul.address}", datacenter: dc2, services: [web], refresh_interval: 50ms}]`,
    `    relabel_configs:
      - {source_labels: [__meta_consul_node], target_label: __host__}
      - {source_labels: [__meta_consul_service_metadata_log_dir], target_label: __path__, replacement: "DIRECTORY/$1/*.log"}
      - {source_labels: [__meta_consul_dc], target_label: dc}
`.replaceAll('DIRECTORY', t.testdirName),
  )
  for (const name of ['web-1', 'web-2']) {
    mkdirSync(`${directory}/${name}`)
    writeFileSync(`${directory}/${name}/a.log`, `of ${name}\n`)
  }
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]?.labels, `{dc="dc2", filename="${directory}/web-1/a.log"}`)
  consul.isBroken = true
  const before = consul.asked.length
  await waitFor(() => consul.asked.length > before + 1)
  t.equal(found().length, 1, 'what was found stays')
  consul.isBroken = false
  consul.answers = {
    '/v1/health/service/web': [
      { Node: node, Service: service('web-2'), Checks: [] },
      { Node: { ...node, Node: 'other' }, Service: service('web-3'), Checks: [] },
    ],
  }
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(receiver.entries[1]?.line, 'of web-2')
})

test('consulagent_sd_configs gives the services of one agent', async t => {
  const consul = await startConsul(t, {
    '/v1/agent/self': self,
    '/v1/agent/services': {
      'web-1': service('web-1', { TaggedAddresses: { lan: { Address: '10.0.0.1', Port: 8080 } } }),
      'db-1': service('db-1', { Service: 'db', Tags: [] }),
    },
    '/v1/agent/checks': {
      node: check('node', 'passing'),
      web: check('web', 'critical', 'web-1'),
    },
  })
  const { found } = await discover(
    t,
    `    consulagent_sd_configs: [{server: "${consul.address}", username: me, password: hush}]`,
  )
  await waitFor(() => found().length === 2)
  const [first, second] = found()
  t.same(first, {
    ...{ __address__: '10.0.0.1:8080', __meta_consulagent_address: '10.0.0.1' },
    ...{ __meta_consulagent_dc: 'dc1', __meta_consulagent_health: 'critical' },
    ...{ __meta_consulagent_metadata_rack: 'r1', __meta_consulagent_node: 'host' },
    ...{ __meta_consulagent_service: 'web', __meta_consulagent_service_id: 'web-1' },
    ...{ __meta_consulagent_service_metadata_log_dir: 'web-1' },
    ...{ __meta_consulagent_service_port: '8080', __meta_consulagent_tags: ',a,b,' },
    __meta_consulagent_tagged_address_lan: '10.0.0.1:8080',
  })
  t.match(second, { __meta_consulagent_service: 'db', __meta_consulagent_health: 'passing' })
  t.ok(consul.asked.every(({ headers }) => headers.authorization === `Basic ${btoa('me:hush')}`))
})

test('consul_sd_configs refuses invalid entries and reports the line', async t => {
  const problem = (entry: string) => problemOfEntry('consul_sd_configs', entry)
  t.equal(await problem('{}'), '', 'the server on this host')
  t.equal(await problem('{server: "unix:///run/consul.sock"}'), '')
  t.match(
    await problem('{server: ""}'),
    /a\.yaml:4:\d+: \S+\.server must be an address of Consul .*, found the text ""/,
  )
  t.match(await problem('{servr: a}'), /a\.yaml:4:\d+: Unknown key servr/)
  t.match(
    await problem('{username: a, bearer_token: b}'),
    /a\.yaml:4:\d+: give username and password/,
  )
  t.match(await problem('{token: a, bearer_token: b}'), /a\.yaml:4:\d+: give a token or another/)
})
