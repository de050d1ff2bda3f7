// Runs against a server that answers like Docker's documented swarm API.

import { type Test, test } from 'tap'
import { discoverOnce, problemOfEntry } from '../job-entry.ts'
import { Refusal, startJsonApi } from '../json-api.ts'

const key = 'dockerswarm_sd_configs'

const answers: Readonly<Record<string, unknown>> = {
  '/services': [
    {
      ID: 's1',
      Spec: {
        Name: 'web',
        Labels: { 'com.example.team': 'shop' },
        Mode: { Replicated: { Replicas: 2 } },
        TaskTemplate: { ContainerSpec: { Image: 'web:1', Hostname: 'h' } },
      },
      UpdateStatus: { State: 'completed' },
      Endpoint: {
        Ports: [
          { Name: 'http', Protocol: 'tcp', PublishedPort: 8080, PublishMode: 'ingress' },
          { Protocol: 'udp', PublishedPort: 53, PublishMode: 'ingress' },
        ],
        VirtualIPs: [{ NetworkID: 'n1', Addr: '10.0.0.2/24' }],
      },
    },
    {
      ID: 's2',
      Spec: { Name: 'agent', Mode: { Global: {} }, TaskTemplate: {} },
      Endpoint: { VirtualIPs: [{ NetworkID: 'n1', Addr: '10.0.0.3/24' }] },
    },
  ],
  '/tasks': [
    {
      ...{ ID: 't1', Slot: 1, ServiceID: 's1', NodeID: 'm1', DesiredState: 'running' },
      Status: {
        ...{ State: 'running', ContainerStatus: { ContainerID: 'c1' } },
        PortStatus: { Ports: [{ Protocol: 'tcp', PublishedPort: 9000, PublishMode: 'host' }] },
      },
      Spec: { ContainerSpec: { Labels: { tier: 'front' } } },
      NetworksAttachments: [{ Network: { ID: 'n1' }, Addresses: ['10.0.0.7/24'] }],
    },
    {
      ...{ ID: 't2', ServiceID: 's2', NodeID: 'm1', DesiredState: 'running' },
      ...{ Status: { State: 'starting' }, Spec: {} },
      NetworksAttachments: [{ Network: { ID: 'n1' }, Addresses: ['fd00::7/64'] }],
    },
  ],
  '/nodes': [
    {
      ID: 'm1',
      Spec: { Role: 'manager', Availability: 'active', Labels: { disk: 'ssd' } },
      Description: {
        ...{ Hostname: 'host', Platform: { Architecture: 'x86_64', OS: 'linux' } },
        Engine: { EngineVersion: '28.0' },
      },
      Status: { State: 'ready', Addr: '192.168.0.1' },
      ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: '192.168.0.1:2377' },
    },
  ],
  '/networks': [
    { Id: 'n1', Name: 'shop', Scope: 'swarm', Internal: false, Ingress: false, Labels: { a: 'b' } },
  ],
}

async function startSwarm(t: Test) {
  const asked: string[] = []
  const address = await startJsonApi(t, request => {
    asked.push(decodeURIComponent(request.url!))
    return answers[new URL(request.url!, 'http://d').pathname] ?? new Refusal()
  })
  return { asked, host: `tcp://${address}` }
}

/** Runs an entry. Returns the labels of all targets without the common prefix. */
const discover = (t: Test, entry: string) =>
  discoverOnce(t, { key, entry, prefix: '__meta_dockerswarm_' })

const network = {
  ...{ network_id: 'n1', network_name: 'shop', network_scope: 'swarm', network_label_a: 'b' },
  ...{ network_internal: 'false', network_ingress: 'false' },
}
const web = {
  ...{ service_id: 's1', service_name: 'web', service_mode: 'replicated' },
  service_label_com_example_team: 'shop',
}
const node = {
  ...{ node_id: 'm1', node_role: 'manager', node_availability: 'active', node_hostname: 'host' },
  ...{ node_platform_architecture: 'x86_64', node_platform_os: 'linux', node_status: 'ready' },
  ...{ node_address: '192.168.0.1', node_label_disk: 'ssd' },
}

test('dockerswarm_sd_configs gives the tasks of a swarm with all their labels', async t => {
  const { host, asked } = await startSwarm(t)
  const found = await discover(
    t,
    `{host: "${host}", role: tasks, filters: [{name: desired-state, values: [running]}]}`,
  )
  const first = {
    ...{ ...web, ...node, task_id: 't1', task_slot: '1', task_container_id: 'c1' },
    ...{ task_desired_state: 'running', task_state: 'running', container_label_tier: 'front' },
  }
  const second = {
    ...{ ...node, ...network, task_id: 't2', task_slot: '0', task_desired_state: 'running' },
    ...{ task_state: 'starting', service_id: 's2', service_name: 'agent', service_mode: 'global' },
  }
  t.same(found, [
    { ...first, task_port_publish_mode: 'host', __address__: '192.168.0.1:9000' },
    { ...first, ...network, task_port_publish_mode: 'ingress', __address__: '10.0.0.7:8080' },
    { ...second, __address__: '[fd00::7]:80' },
  ])
  t.same(asked.toSorted(), [
    ...['/networks', '/nodes', '/services', '/tasks?filters={"desired-state":["running"]}'],
  ])
})

test('dockerswarm_sd_configs finds the services and the nodes of a swarm', async t => {
  const { host } = await startSwarm(t)
  t.same(await discover(t, `{host: "${host}", role: services, port: 81}`), [
    {
      ...{ ...web, ...network, __address__: '10.0.0.2:8080', service_updating_status: 'completed' },
      ...{ service_task_container_image: 'web:1', service_task_container_hostname: 'h' },
      ...{ service_endpoint_port_name: 'http', service_endpoint_port_publish_mode: 'ingress' },
    },
    {
      ...{ ...network, __address__: '10.0.0.3:81' },
      ...{ service_id: 's2', service_name: 'agent', service_mode: 'global' },
    },
  ])
  t.same(await discover(t, `{host: "${host}", role: nodes, port: 9100}`), [
    {
      ...{ ...node, __address__: '192.168.0.1:9100', node_engine_version: '28.0' },
      ...{ node_manager_leader: 'true', node_manager_reachability: 'reachable' },
      node_manager_address: '192.168.0.1:2377',
    },
  ])
})

test('dockerswarm_sd_configs refuses invalid entries and reports the line', async t => {
  const problem = (entry: string) => problemOfEntry(key, entry)
  t.equal(await problem('{host: "unix:///var/run/docker.sock", role: nodes}'), '')
  t.match(await problem('{role: nodes}'), /a\.yaml:4:\d+: .* needs a host/)
  t.match(
    await problem('{host: "unix:///d.sock"}'),
    /a\.yaml:4:\d+: .* needs a role: tasks, services/,
  )
  t.match(await problem('{host: "unix:///d.sock", role: pods}'), /a\.yaml:4:\d+: .*pods/)
})
