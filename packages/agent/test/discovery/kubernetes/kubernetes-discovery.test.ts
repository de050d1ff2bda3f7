import pino from 'pino'
import { type Test, test } from 'tap'
import { JobTargets } from '../../../src/discovery/job-targets.ts'
import { ConfigError, loadAgentConfig } from '../../../src/index.ts'
import { AgentMetrics } from '../../../src/metrics/agent-metrics.ts'
import { waitFor } from '../../harness.ts'
import { type KubernetesApi, pod, startKubernetesApi } from '../../kubernetes-api.ts'

function configOf(entry: string): string {
  return `clients: [{url: "http://h/p"}]
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs:
      - ${entry}
`
}

/** Runs the discovery of one entry. Returns the labels of all targets, without the common prefix. */
async function discover(t: Test, api: KubernetesApi, entry: string) {
  const text = configOf(`{api_server: "${api.url}", ${entry}}`)
  const [config] = (await loadAgentConfig({ text, path: 'a.yaml' })).scrapeConfigs
  const targets = new JobTargets({
    ...{ config: config!, hostname: 'host', env: {}, logger: pino({ level: 'silent' }) },
    metrics: new AgentMetrics({ version: 'test' }),
    userAgent: 'skald-agent/test',
  })
  t.teardown(() => targets.stop())
  targets.start()
  const labels = () =>
    targets.offered.map(({ discovered }) =>
      Object.fromEntries(
        [...discovered].map(([name, value]) => [name.replace('__meta_kubernetes_', ''), value]),
      ),
    )
  await waitFor(() => targets.isComplete)
  return labels
}

const podMeta = {
  namespace: 'shop',
  pod_name: 'web-0',
  pod_ip: '10.0.0.7',
  pod_host_ip: '192.168.1.4',
  pod_uid: 'uid-web-0',
  pod_node_name: 'host',
  pod_ready: 'true',
  pod_phase: 'Running',
  pod_label_app_kubernetes_io_name: 'web',
  pod_labelpresent_app_kubernetes_io_name: 'true',
  pod_annotation_a_b_c_d: 'x',
  pod_annotationpresent_a_b_c_d: 'true',
  pod_controller_kind: 'ReplicaSet',
  pod_controller_name: 'web-5d9',
}

const web = () =>
  pod('web-0', {
    metadata: {
      name: 'web-0',
      labels: { 'app.kubernetes.io/name': 'web' },
      annotations: { 'a-b/c.d': 'x' },
      ownerReferences: [
        { kind: 'Job', name: 'other' },
        { kind: 'ReplicaSet', name: 'web-5d9', controller: true },
      ],
    },
    spec: {
      nodeName: 'host',
      containers: [
        {
          name: 'main',
          image: 'shop/web:1',
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }, { containerPort: 9090 }],
        },
      ],
      initContainers: [{ name: 'init', image: 'shop/init:1' }],
      ephemeralContainers: [{ name: 'debug', image: 'busybox' }],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.7',
      hostIP: '192.168.1.4',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'main', containerID: 'containerd://m' }],
      initContainerStatuses: [{ name: 'init', containerID: 'containerd://i' }],
      ephemeralContainerStatuses: [{ name: 'debug', containerID: 'containerd://e' }],
    },
  })

test('role pod gives a target for each port and each container without ports', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', web())
  const labels = await discover(t, api, 'role: pod')
  const main = { pod_container_name: 'main', pod_container_id: 'containerd://m' }
  const mainMore = { pod_container_image: 'shop/web:1', pod_container_init: 'false' }
  t.same(labels(), [
    {
      ...podMeta,
      ...main,
      ...mainMore,
      __address__: '10.0.0.7:8080',
      pod_container_port_name: 'http',
      pod_container_port_number: '8080',
      pod_container_port_protocol: 'TCP',
    },
    {
      ...podMeta,
      ...main,
      ...mainMore,
      __address__: '10.0.0.7:9090',
      pod_container_port_name: '',
      pod_container_port_number: '9090',
      pod_container_port_protocol: 'TCP',
    },
    {
      ...podMeta,
      __address__: '10.0.0.7',
      pod_container_name: 'init',
      pod_container_id: 'containerd://i',
      pod_container_image: 'shop/init:1',
      pod_container_init: 'true',
    },
    {
      ...podMeta,
      __address__: '10.0.0.7',
      pod_container_name: 'debug',
      pod_container_id: 'containerd://e',
      pod_container_image: 'busybox',
      pod_container_init: 'false',
      pod_container_ephemeral: 'true',
    },
  ])
})

test('role pod has pods without an IP, and only those of this node', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', pod('pending', { status: { phase: 'Pending' } }))
  api.put('pods', pod('elsewhere', { spec: { nodeName: 'other', containers: [{ name: 'c' }] } }))
  const labels = await discover(t, api, 'role: pod')
  t.same(
    labels().map(({ pod_name, pod_phase, pod_ready, __address__ }) => ({
      ...{ pod_name, pod_phase, pod_ready, __address__ },
    })),
    [{ pod_name: 'pending', pod_phase: 'Pending', pod_ready: 'unknown', __address__: '' }],
  )
  for (const { query } of api.requests) t.equal(query.get('fieldSelector'), 'spec.nodeName=host')
  api.put('pods', pod('later'))
  await waitFor(() => labels().some(({ pod_name }) => pod_name === 'later'))
  api.delete('pods', pod('pending'))
  await waitFor(() => !labels().some(({ pod_name }) => pod_name === 'pending'))
})

test('namespaces and selectors narrow what is asked for', async t => {
  const api = await startKubernetesApi(t)
  for (const namespace of ['a', 'b', 'c']) {
    api.put('pods', pod('web', { metadata: { name: 'web', namespace, labels: { app: 'web' } } }))
    api.put('pods', pod('db', { metadata: { name: 'db', namespace, labels: { app: 'db' } } }))
  }
  const labels = await discover(
    t,
    api,
    'role: pod, namespaces: {names: [a, c]}, selectors: [{role: pod, label: app=web, field: metadata.name=web}]',
  )
  t.same(
    labels().map(({ namespace, pod_name }) => `${namespace}/${pod_name}`),
    ['a/web', 'c/web'],
  )
  t.same([...new Set(api.requests.map(({ path }) => path))].sort(), [
    '/api/v1/namespaces/a/pods',
    '/api/v1/namespaces/c/pods',
  ])
  t.equal(api.requests[0]!.query.get('fieldSelector'), 'metadata.name=web,spec.nodeName=host')
})

const node = (name: string) => ({
  metadata: { name, labels: { zone: 'z1' }, annotations: { cost: 'low' } },
  spec: { providerID: 'kind://1' },
  status: {
    addresses: [
      { type: 'Hostname', address: 'h1' },
      { type: 'InternalIP', address: '192.168.1.4' },
      { type: 'InternalIP', address: 'fd00::4' },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
  },
})
const attachedNode = {
  node_name: 'host',
  node_label_zone: 'z1',
  node_labelpresent_zone: 'true',
  node_annotation_cost: 'low',
  node_annotationpresent_cost: 'true',
}

test('attach_metadata adds the labels of the node and of the namespace', async t => {
  const api = await startKubernetesApi(t)
  api.put('nodes', node('host'))
  api.put('nodes', node('other'))
  api.put('namespaces', { metadata: { name: 'shop', labels: { team: 'red' } } })
  api.put('pods', pod('a'))
  const labels = await discover(t, api, 'role: pod, attach_metadata: {node: true, namespace: true}')
  t.match(labels()[0], {
    ...attachedNode,
    namespace_label_team: 'red',
    namespace_labelpresent_team: 'true',
  })
  const nodes = api.requests.filter(({ path }) => path === '/api/v1/nodes')
  t.equal(nodes[0]!.query.get('fieldSelector'), 'metadata.name=host')
})

test('role node gives the labels and addresses of nodes', async t => {
  const api = await startKubernetesApi(t)
  api.put('nodes', node('host'))
  const labels = await discover(t, api, 'role: node')
  t.same(labels(), [
    {
      ...attachedNode,
      node_provider_id: 'kind://1',
      __address__: '192.168.1.4:10250',
      instance: 'host',
      node_address_Hostname: 'h1',
      node_address_InternalIP: '192.168.1.4',
    },
  ])
})

const service = (name: string, spec: object) => ({
  metadata: { name, namespace: 'shop', labels: { app: name } },
  spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
})
const serviceMeta = (name: string) => ({
  service_name: name,
  service_label_app: name,
  service_labelpresent_app: 'true',
})

test('role service gives a target for each port, by the kind of service', async t => {
  const api = await startKubernetesApi(t)
  api.put('services', service('a', { type: 'ClusterIP', clusterIP: '10.1.0.1' }))
  api.put('services', service('b', { type: 'ExternalName', externalName: 'x.org' }))
  api.put(
    'services',
    service('c', { type: 'LoadBalancer', clusterIP: '10.1.0.2', loadBalancerIP: '1.2.3.4' }),
  )
  const labels = await discover(t, api, 'role: service')
  const port = {
    namespace: 'shop',
    service_port_name: 'http',
    service_port_number: '80',
    service_port_protocol: 'TCP',
  }
  t.same(labels(), [
    {
      ...{ ...port, ...serviceMeta('a'), __address__: 'a.shop.svc:80' },
      ...{ service_type: 'ClusterIP', service_cluster_ip: '10.1.0.1' },
    },
    {
      ...{ ...port, ...serviceMeta('b'), __address__: 'b.shop.svc:80' },
      ...{ service_type: 'ExternalName', service_external_name: 'x.org' },
    },
    {
      ...{ ...port, ...serviceMeta('c'), __address__: 'c.shop.svc:80' },
      ...{ service_type: 'LoadBalancer', service_cluster_ip: '10.1.0.2' },
      service_loadbalancer_ip: '1.2.3.4',
    },
  ])
})

test('role endpoints joins services and pods, and includes the pods’ other ports', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', web())
  api.put('services', service('web', { clusterIP: '10.1.0.1' }))
  api.put('endpoints', {
    metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
    subsets: [
      {
        addresses: [
          {
            ip: '10.0.0.7',
            nodeName: 'host',
            targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-0' },
          },
        ],
        notReadyAddresses: [{ ip: '10.0.0.8', hostname: 'late' }],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ],
  })
  const labels = await discover(t, api, 'role: endpoints')
  t.equal(labels().length, 3)
  const common = {
    namespace: 'shop',
    endpoints_name: 'web',
    endpoints_label_app: 'web',
    ...serviceMeta('web'),
  }
  t.match(labels()[0], {
    ...{ ...common, ...podMeta, __address__: '10.0.0.7:8080', endpoint_ready: 'true' },
    ...{ endpoint_port_name: 'http', endpoint_port_protocol: 'TCP', endpoint_node_name: 'host' },
    ...{ endpoint_address_target_kind: 'Pod', endpoint_address_target_name: 'web-0' },
    ...{ pod_container_name: 'main', pod_container_port_number: '8080' },
  })
  t.match(labels()[1], {
    ...{ ...common, __address__: '10.0.0.8:8080', endpoint_ready: 'false' },
    endpoint_hostname: 'late',
  })
  t.match(labels()[2], { ...common, ...podMeta, __address__: '10.0.0.7:9090' })
  const pods = api.requests.filter(({ path }) => path.endsWith('/pods'))
  t.equal(pods[0]!.query.get('fieldSelector'), null, 'addresses lie on all nodes')
})

test('role endpointslice gives the conditions and zones of endpoints', async t => {
  const api = await startKubernetesApi(t)
  api.put('services', service('web', { clusterIP: '10.1.0.1' }))
  api.put('endpointslices', {
    metadata: {
      name: 'web-x7',
      namespace: 'shop',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv6',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'h2c' }],
    endpoints: [
      {
        addresses: ['fd00::7'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'w0',
        nodeName: 'host',
        zone: 'z1',
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-0' },
        deprecatedTopology: { 'kubernetes.io/hostname': 'host' },
      },
    ],
  })
  const labels = await discover(t, api, 'role: endpointslice')
  t.same(labels(), [
    {
      namespace: 'shop',
      __address__: '[fd00::7]:8080',
      endpointslice_name: 'web-x7',
      endpointslice_label_kubernetes_io_service_name: 'web',
      endpointslice_labelpresent_kubernetes_io_service_name: 'true',
      endpointslice_address_type: 'IPv6',
      endpointslice_port: '8080',
      endpointslice_port_name: 'http',
      endpointslice_port_protocol: 'TCP',
      endpointslice_port_app_protocol: 'h2c',
      endpointslice_endpoint_conditions_ready: 'true',
      endpointslice_endpoint_conditions_serving: 'true',
      endpointslice_endpoint_conditions_terminating: 'false',
      endpointslice_endpoint_hostname: 'w0',
      endpointslice_endpoint_node_name: 'host',
      endpointslice_endpoint_zone: 'z1',
      endpointslice_address_target_kind: 'Pod',
      endpointslice_address_target_name: 'web-0',
      endpointslice_endpoint_topology_kubernetes_io_hostname: 'host',
      endpointslice_endpoint_topology_present_kubernetes_io_hostname: 'true',
      ...serviceMeta('web'),
    },
  ])
})

test('role ingress gives a target for each path, https where its host has a certificate', async t => {
  const api = await startKubernetesApi(t)
  api.put('ingresses', {
    metadata: { name: 'front', namespace: 'shop' },
    spec: {
      ingressClassName: 'nginx',
      tls: [{ hosts: ['*.shop.org'] }],
      rules: [
        { host: 'a.shop.org', http: { paths: [{ path: '/x' }, {}] } },
        { host: 'b.a.shop.org', http: { paths: [{ path: '/' }] } },
        { host: 'plain.org' },
      ],
    },
  })
  const labels = await discover(t, api, 'role: ingress')
  const row = (host: string, scheme: string, path: string) => ({
    ...{ namespace: 'shop', ingress_name: 'front', ingress_class_name: 'nginx' },
    ...{ __address__: host, ingress_host: host, ingress_scheme: scheme, ingress_path: path },
  })
  t.same(labels(), [
    row('a.shop.org', 'https', '/x'),
    row('a.shop.org', 'https', '/'),
    row('b.a.shop.org', 'http', '/'),
    row('plain.org', 'http', '/'),
  ])
})

test('kubernetes_sd_configs refuses what Prometheus refuses, and reports the line', async t => {
  const refused = async (entry: string, message: RegExp) => {
    await t.rejects(loadAgentConfig({ text: configOf(entry), path: 'a.yaml' }), ConfigError)
    try {
      await loadAgentConfig({ text: configOf(entry), path: 'a.yaml' })
    } catch (error) {
      const [problem] = (error as ConfigError).problems
      t.equal(problem?.line, 5, entry)
      t.match(problem?.message, message, entry)
    }
  }
  await refused('{role: pods}', /unknown Kubernetes SD role "pods"/)
  await refused('{namespaces: {}}', /unknown Kubernetes SD role ""/)
  await refused('{role: pod, api_server: "tcp://x"}', /api_server must be an http or https URL/)
  await refused('{role: pod, api_server: "http://x", kubeconfig_file: y}', /exclude each other/)
  await refused('{role: pod, kubeconfig_file: /nowhere}', /Cannot use kubeconfig_file: .*ENOENT/)
  await refused('{role: pod, bearer_token: x}', /need api_server/)
  await refused(
    '{role: pod, api_server: "http://x", namespaces: {own_namespace: true}}',
    /own_namespace/,
  )
  await refused('{role: pod, selectors: [{role: node, label: a}]}', /pod role supports only pod/)
  await refused('{role: pod, selectors: [{role: pod}, {role: pod}]}', /duplicated selector role/)
  await refused('{role: pod, selectors: [{role: pod, label: "a in"}]}', /is not a selector/)
  await refused('{role: pod, selectors: [{role: pod, field: "a"}]}', /is not a selector/)
  await refused('{role: pod, atach_metadata: {}}', /did you mean attach_metadata\?/)
  const fine =
    '{role: pod, selectors: [{role: pod, label: "a in (b, c),!d,e=f,g notin (h)", field: "status.phase!=Failed"}]}'
  t.equal((await loadAgentConfig({ text: configOf(fine), path: 'a' })).scrapeConfigs.length, 1)
})
