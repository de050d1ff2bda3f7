// Values that the chart cannot fulfil. The real helm rejects mistakes and keys of other charts with
// an explanation; the notes list what is ignored.

import { t as root, test } from 'tap'
import {
  chartDir,
  helm,
  needsHelm,
  renderNotes,
  renderSet,
  renderText,
  valueSet,
} from './chart/helm.ts'

root.setTimeout(170_000)

test('mistakes in values are rejected, with the place and what to do', needsHelm, async t => {
  const refused = async (setting: string, reason: RegExp) => {
    const { stderr } = await helm('template', 'a', chartDir, '--set', setting).then(
      () => ({ stderr: 'it was rendered' }),
      (error: { stderr: string }) => error,
    )
    t.match(stderr, reason, setting)
  }
  await refused('loki.persistance.enabled=true', /persistance/)
  await refused('loki.config.limits_config.retention_perid=24h', /retention_perid/)
  await refused('promtail.config.logLevel=loud', /logLevel/)
  await refused('promtail.config.clients[0].urll=http://a', /'urll'/)
  await refused('loki.service.port=http', /port/)
  await refused('promtail.podAnnotations.scrape=true', /scrape': got boolean, want string/)
  await refused('loki.env[0].name=A,loki.env[0].value=1', /value': got number, want string/)
  await refused('image.pullPolicy=Sometimes', /pullPolicy/)
  await refused('lokki.enabled=true', /lokki/)
  await refused('agent.resources.limit.memory=1Gi', /limit/)
  await refused(
    'store.replicas=2',
    /share a bucket and a PostgreSQL: set loki\.config\.skald\.catalog/,
  )
  await refused('loki.autoscaling.enabled=true', /loki\.autoscaling: only replicas that share/)
  await refused(
    'loki.config.skald.catalog.postgres_url=postgres://a/b,loki.persistence.existingClaim=c',
    /replicas keep their lines in the bucket/,
  )
  await refused('loki.config.common.path_prefix=/loki', /is not on a volume; choose a directory/)
  await refused('loki.config.common.path_prefix=/database', /is not on a volume/)
  await refused(
    'loki.fullnameOverride=logs,promtail.config.clients[0].url=http://{{ .Release.Name }}:3100/loki/api/v1/push',
    /http:\/\/a:3100\S* is not a Service of this release; its store is logs. Use that name/,
  )
  await refused('loki.enabled=false', /set where to push/)
  await refused('loki.ingress.enabled=true', /at least one host/)
  // Helm removes keys that a values file sets to null.
  await refused('loki.config=null', /'\/loki': missing property 'config'/)
  await refused('loki.persistence.size=null', /missing property 'size'/)
  await refused('promtail.config.snippets=null', /missing property 'snippets'/)
  // Keys of other charts.
  await refused('loki.auth_enabled=false', /loki.auth_enabled: write loki.config.auth_enabled/)
  await refused('store.auth_enabled=false', /write loki.config.auth_enabled/)
  await refused('deploymentMode=SingleBinary', /deploymentMode: remove it/)
  await refused('promtail.config.lokiAddress=http://a', /write promtail.config.clients, such as/)
  await refused('loki.useExistingAlertingGroup.enabled=true', /name the ConfigMap/)
  await refused('loki.persistence.storageClass=a', /write loki.persistence.storageClassName/)
})

test('the notes list the values that have no effect', needsHelm, async t => {
  const dir = t.testdir()
  const old = await renderNotes(dir, 'tutorial-loki-stack', 'prometheus.enabled=true')
  t.match(old, 'this chart does not install prometheus')
  t.match(old, 'loki.image and promtail.image have no effect')
  t.match(await renderNotes(dir, 'no-persistence'), 'the lines are lost with the pod')
  const deployed = await renderNotes(dir, 'agent-only', 'promtail.daemonset.enabled=false')
  t.match(deployed, 'logs deployment/')
  const tenants = await renderNotes(dir, 'tenants')
  t.match(tenants, "curl -G --header 'X-Scope-OrgID: team-a' http://127.0.0.1:3100")
  t.match(tenants, 'requests without a tenant are refused')
  t.match(await renderNotes(dir, 'agent-only'), 'https://logs.example.org/loki/api/v1/push')
  const grafana = await renderNotes(dir, 'grafana', 'grafana.service.externalIPs[0]=10.0.0.1')
  t.match(grafana, 'get secret loki-grafana')
  t.match(grafana, 'have no effect in this chart: grafana.plugins, grafana.service.externalIPs.')
  const ignored = ['loki.nameOverride=a', 'promtail.namespace=logs']
  t.match(
    await renderNotes(dir, 'defaults', ...ignored),
    'have no effect in this chart: loki.nameOverride, promtail.namespace.',
  )
  t.notMatch(await renderNotes(dir, 'defaults'), 'have no effect')
  t.notMatch(await renderNotes(dir, 'registry'), 'which no registry has')
})

test('the notes say how long lines are kept', needsHelm, async t => {
  const dir = t.testdir()
  t.match(await renderNotes(dir, 'defaults'), 'The store deletes lines when they are 744h old')
  t.match(await renderNotes(dir, 'table-manager-retention'), 'when they are 336h old')
  const kept = await renderNotes(dir, 'old-loki-config')
  t.match(kept, 'the store never deletes lines')
  t.notMatch(kept, 'The store deletes lines')
})

test(
  'the notes warn that no volume can be created, before the pod waits for one',
  needsHelm,
  async t => {
    const dir = t.testdir()
    const ssd = { metadata: { name: 'ssd' } }
    const isDefault = { 'storageclass.kubernetes.io/is-default-class': 'true' }
    const standard = { metadata: { name: 'standard', annotations: isDefault } }
    const noteOf = (classes: readonly object[], storageClassName: string | null) => {
      const given = JSON.stringify({ classes, persistence: { storageClassName } })
      const template = `{{ include "skald.storageClassNote" (fromJson ${JSON.stringify(given)}) }}`
      return renderText(dir, { setName: 'defaults', template })
    }
    t.match(await noteOf([], null), 'no StorageClass is the default; the cluster has none.')
    t.match(await noteOf([ssd], null), 'no StorageClass is the default; the cluster has ssd.')
    t.match(await noteOf([ssd], 'fast'), 'there is no StorageClass fast; the cluster has ssd.')
    t.match(await noteOf([ssd], 'fast'), 'the pod stays Pending')
    for (const [classes, name] of [
      [[ssd, standard], null],
      [[ssd], 'ssd'],
      [[], ''],
    ] as const) {
      t.notMatch(await noteOf(classes, name), 'StorageClass')
    }
    t.notMatch(
      await renderNotes(dir, 'storage-class'),
      'there is no StorageClass',
      'no cluster to ask',
    )
  },
)

test('a node port in old Grafana values is applied', needsHelm, async t => {
  const sets = ['grafana.service.type=NodePort', 'grafana.service.nodePort=30080']
  const objects = await renderSet(valueSet('grafana'), ...sets.flatMap(set => ['--set', set]))
  const ports = objects
    .filter(({ kind, metadata }) => kind === 'Service' && /grafana/.test(metadata.name))
    .map(({ spec }) => spec.ports)
  t.match(ports, [[{ port: 80, nodePort: 30080 }]])
})

test('arguments can be a list or a map', needsHelm, async t => {
  const argsOf = async (...sets: string[]) => {
    const objects = await renderSet(valueSet('defaults'), ...sets.flatMap(set => ['--set', set]))
    return ['StatefulSet', 'DaemonSet'].map(kind => {
      const { spec } = objects.find(object => object.kind === kind)!
      return spec.template.spec.containers[0].args.slice(2)
    })
  }
  const flags = { list: 'extraArgs[0]=-log.level=debug', map: 'extraArgs.log\\.level=debug' }
  for (const flag of Object.values(flags)) {
    const given = await argsOf(`loki.${flag}`, `promtail.${flag}`)
    t.same(given, [['-log.level=debug'], ['-log.level=debug']])
  }
})
