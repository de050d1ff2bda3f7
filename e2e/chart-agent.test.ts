// What the chart gives the agent besides its DaemonSet, like Promtail's chart.

import { test } from 'tap'
import {
  findObject,
  type KubernetesObject,
  needsHelm,
  renderSet,
  textOf,
  valueSet,
} from './chart/helm.ts'

test('the agent reads a changed configuration itself where it is told so', needsHelm, async t => {
  const agentOf = async (...args: string[]) => {
    const objects = await renderSet(valueSet('agent-reload'), ...args)
    return findObject(objects, 'DaemonSet', 'myloki-promtail').spec.template
  }
  const agent = await agentOf()
  t.match(agent.spec.containers[0].args, [/agent/, /-config\.file/, '-config.auto-reload'])
  t.same(await agentOf('--set', 'promtail.config.logLevel=debug'), agent, 'nothing restarts it')
  const plain = await agentOf('--set', 'promtail.sidecar.configReloader.enabled=false')
  t.notMatch(plain.spec.containers[0].args.join(), 'auto-reload')
})

test('the agent grows by its load: a DaemonSet up, a Deployment out', needsHelm, async t => {
  const vertical = findObject(
    await renderSet(valueSet('agent-reload')),
    ...(['VerticalPodAutoscaler', 'myloki-promtail'] as const),
  )
  t.match(vertical.spec, {
    targetRef: { kind: 'DaemonSet', name: 'myloki-promtail' },
    resourcePolicy: {
      containerPolicies: [{ containerName: 'promtail', controlledResources: ['memory'] }],
    },
  })
  const horizontal = findObject(
    await renderSet(valueSet('agent-deployment')),
    ...(['HorizontalPodAutoscaler', 'myloki-promtail'] as const),
  )
  t.match(horizontal.spec, { scaleTargetRef: { kind: 'Deployment', name: 'myloki-promtail' } })
})

test('the agent’s configuration is a Secret, or a ConfigMap where told so', needsHelm, async t => {
  const mounted = (objects: readonly KubernetesObject[]) =>
    findObject(objects, 'DaemonSet', 'myloki-promtail').spec.template.spec.volumes[0]
  const secret = await renderSet(valueSet('defaults'))
  t.same(mounted(secret), { name: 'config', secret: { secretName: 'myloki-promtail' } })
  t.match(textOf(findObject(secret, 'Secret', 'myloki-promtail'), 'promtail.yaml'), 'clients:')
  const configMap = await renderSet(valueSet('agent-receivers'))
  t.same(mounted(configMap), { name: 'config', configMap: { name: 'myloki-promtail' } })
  t.match(
    textOf(findObject(configMap, 'ConfigMap', 'myloki-promtail'), 'promtail.yaml'),
    'clients:',
  )
})

test(
  'further ports of the agent have a Service, and an Ingress where told so',
  needsHelm,
  async t => {
    const objects = await renderSet(valueSet('agent-receivers'))
    const { containers } = findObject(objects, 'DaemonSet', 'myloki-promtail').spec.template.spec
    t.match(containers[0].ports.slice(1), [
      { name: 'push', containerPort: 3500, protocol: 'TCP' },
      { name: 'tcp-syslog', containerPort: 1514, protocol: 'TCP' },
      { name: 'syslog-udp', containerPort: 1515, protocol: 'UDP' },
    ])
    t.match(findObject(objects, 'Service', 'myloki-promtail-tcp-syslog').spec, {
      type: 'NodePort',
      ports: [{ port: 514, nodePort: 30514, targetPort: 'tcp-syslog' }],
    })
    const backend = { service: { name: 'myloki-promtail-push', port: { number: 80 } } }
    t.match(findObject(objects, 'Service', 'myloki-promtail-push').spec.ports, [
      { port: 80, targetPort: 'push' },
    ])
    t.match(findObject(objects, 'Ingress', 'myloki-promtail-push').spec, {
      ingressClassName: 'nginx',
      tls: [{ hosts: ['push.example.org'], secretName: 'push-tls' }],
      rules: [
        { host: 'push.example.org', http: { paths: [{ path: '/', backend }] } },
        { host: 'other.example.org', http: { paths: [{ path: '/loki', backend }] } },
      ],
    })
    const off = await renderSet(
      valueSet('agent-receivers'),
      ...(['--set', 'promtail.extraPorts.push.ingress.enabled=false'] as const),
    )
    t.notOk(off.some(({ kind }) => kind === 'Ingress'))
    const withoutHost = await renderSet(
      valueSet('agent-receivers'),
      ...(['--set', 'promtail.extraPorts.push.ingress.hosts=null'] as const),
    ).then(
      () => 'it was rendered',
      (error: { stderr: string }) => error.stderr,
    )
    t.match(
      withoutHost,
      'promtail.extraPorts.push.ingress.hosts: an Ingress needs at least one host',
    )
  },
)

test('the agent can be scraped, alerted on and shut off', needsHelm, async t => {
  const monitored = await renderSet(valueSet('service-monitors'))
  const service = findObject(monitored, 'Service', 'myloki-promtail-metrics')
  const { endpoints, selector } = findObject(monitored, 'ServiceMonitor', 'myloki-promtail').spec
  t.equal(endpoints[0].port, service.spec.ports[0].name)
  t.match(service.metadata.labels, selector.matchLabels)
  const [{ rules }] = findObject(monitored, 'PrometheusRule', 'myloki-promtail').spec.groups
  t.ok(rules.length > 0)
  const limited = await renderSet(valueSet('network-policies-narrow'))
  const policy = findObject(limited, 'NetworkPolicy', 'myloki-promtail').spec
  const agent = findObject(limited, 'DaemonSet', 'myloki-promtail').spec.template
  t.match(agent.metadata.labels, policy.podSelector.matchLabels)
  t.ok(Object.keys(policy.podSelector.matchLabels).length > 0, 'no pods of others')
})
