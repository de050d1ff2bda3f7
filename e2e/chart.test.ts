// The chart, rendered by the real helm with every set of values in e2e/chart/values: an API server
// would accept it, it contains what people's values and addresses ask for, and it has not changed
// otherwise.

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { parse } from 'yaml'
import { manifestPath, renderManifest } from '../release/manifest.ts'
import { formatValuesSchema } from '../release/values-schema.ts'
import { makeCertificates } from '../test/certificates.ts'
import { formatGolden, readGolden } from './chart/golden.ts'
import {
  chartDir,
  findObject,
  helm,
  type KubernetesObject,
  needsHelm,
  parseObjects,
  renderNotes,
  renderSet,
  textOf,
  valueSet,
  valueSets,
} from './chart/helm.ts'
import { schemaProblems } from './chart/kubernetes-schema.ts'
import { skaldCommand } from './skald-process.ts'

root.setTimeout(180_000)
const run = promisify(execFile)

const names = (objects: readonly KubernetesObject[]) =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)

test('values.schema.json is generated from values.yaml', async t => {
  t.equal(
    readFileSync(`${chartDir}/values.schema.json`, 'utf8'),
    formatValuesSchema(),
    'npm run release -- values-schema regenerates it',
  )
})

test('the manifest for kubectl is the chart with its defaults', needsHelm, async t => {
  const manifest = readFileSync(manifestPath, 'utf8')
  t.equal(manifest, renderManifest(), 'npm run release -- manifest regenerates it')
  const objects = parseObjects(manifest)
  t.equal(objects[0]!.kind, 'Namespace', 'the namespace of the other objects comes first')
  for (const object of objects) t.same(schemaProblems(object), [], object.kind)
  const secrets = objects.filter(({ kind }) => kind === 'Secret')
  t.same(
    secrets.map(({ stringData }) => Object.keys(stringData as object)),
    [['promtail.yaml'], ['loki.yaml']],
    'configurations can be read and edited',
  )
})

test('the schema check rejects what an API server rejects', async t => {
  const pod = (spec: object) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'a', image: 'b', ...spec }] },
  })
  t.same(schemaProblems(pod({})), [])
  t.match(schemaProblems(pod({ imagee: 'b' })), [/containers\/0\/imagee: unknown field/])
  t.match(schemaProblems(pod({ name: undefined })).join(), /name/)
  t.match(schemaProblems(pod({ args: 'one' })).join(), /args/)
  t.match(schemaProblems(pod({ ports: [{ containerPort: '80' }] })).join(), /containerPort/)
  t.match(schemaProblems({ ...pod({}), kind: 'Pot' }), [/no schema of v1 Pot/])
})

test('helm lint finds nothing', needsHelm, async t => {
  for (const { path, name } of valueSets()) {
    const printed = await helm('lint', '--strict', chartDir, '--values', path)
    t.match(printed, /0 chart\(s\) failed/, name)
  }
})

test('every set of values renders objects that an API server takes', needsHelm, async t => {
  const defaults = await renderSet(valueSet('defaults'))
  t.ok(valueSets().length >= 25)
  for (const set of valueSets()) {
    const objects = await renderSet(set)
    const problems = objects.flatMap(object =>
      schemaProblems(object).map(text => `${object.kind} ${object.metadata.name}: ${text}`),
    )
    t.same(problems, [], set.name)
    t.equal(new Set(names(objects)).size, objects.length, `${set.name}: every object is there once`)
    const rendered = formatGolden(objects, set.name === 'defaults' ? [] : defaults)
    t.equal(readGolden(set, rendered), rendered, `${set.name}: as kept in e2e/chart/golden`)
  }
})

test('services, selectors, volumes and names refer to existing objects', needsHelm, async t => {
  for (const set of valueSets()) {
    const objects = await renderSet(set)
    const workloads = objects.filter(({ kind }) =>
      /^(StatefulSet|DaemonSet|Deployment)$/.test(kind),
    )
    for (const { kind, metadata, spec } of workloads) {
      const what = `${set.name}: ${kind} ${metadata.name}`
      // Its pods have a label with the name and a hash of eleven characters. Labels may have 63.
      if (kind === 'StatefulSet') t.ok(metadata.name.length <= 52, `${what} is short enough`)
      t.match(spec.template.metadata.labels, spec.selector.matchLabels, `${what} selects its pods`)
      const pod = spec.template.spec
      const claims = (spec.volumeClaimTemplates ?? []) as KubernetesObject[]
      const volumes = [...(pod.volumes ?? []), ...claims.map(({ metadata }) => metadata)]
      const mounted = pod.containers.flatMap(
        ({ volumeMounts = [] }: { volumeMounts?: { name: string }[] }) => volumeMounts,
      )
      for (const { name } of mounted) {
        t.ok(
          volumes.some((volume: { name: string }) => volume.name === name),
          `${what}: volume ${name}`,
        )
      }
    }
    for (const { metadata, spec } of objects.filter(({ kind }) => kind === 'Service')) {
      const found = workloads.some(workload =>
        Object.entries(spec.selector).every(
          ([key, value]) => workload.spec.template.metadata.labels[key] === value,
        ),
      )
      t.ok(found, `${set.name}: Service ${metadata.name} has pods`)
      t.ok(metadata.name.length <= 63, `${set.name}: ${metadata.name} is short enough for DNS`)
    }
  }
})

test('the tutorials give what they promise', needsHelm, async t => {
  const objects = await renderSet(valueSet('tutorial-generated-name'))
  const release = 'skald-1700000000'
  const store = findObject(objects, 'StatefulSet', release)
  t.equal(store.spec.serviceName, `${release}-headless`)
  findObject(objects, 'DaemonSet', `${release}-promtail`)
  for (const name of [release, `${release}-headless`]) {
    const service = findObject(objects, 'Service', name)
    t.match(service.spec.ports, [{ name: 'http-metrics', port: 3100 }])
  }
  t.notOk(names(objects).some(name => /memberlist|grafana/.test(name)))
  const notes = await renderNotes(t.testdir(), 'tutorial-generated-name')
  t.match(notes, `http://${release}.myloki:3100`)
  t.match(notes, `helm test --namespace myloki ${release}`)
  t.match(notes, `port-forward service/${release} 3100:3100`)
  t.match(notes, '/loki/api/v1/query_range')
  t.match(notes, /the image skald:[\d.]+, which no registry has/)
})

test('the agent pushes to its own store, whatever the release is named', needsHelm, async t => {
  const pushUrl = async (setName: string) => {
    const objects = await renderSet(valueSet(setName))
    const agent = objects.find(
      ({ kind, metadata }) => kind === 'Secret' && /promtail/.test(metadata.name),
    )!
    const { url } = parse(textOf(agent, 'promtail.yaml')).clients[0]
    const { hostname, port } = new URL(url)
    const service = objects.find(
      ({ kind, metadata }) => kind === 'Service' && metadata.name === hostname,
    )
    t.ok(service, `${setName}: ${url} is a Service of the release`)
    t.equal(service?.spec.ports[0].port, Number(port || 80), setName)
    return url
  }
  t.equal(await pushUrl('tutorial-loki-stack'), 'http://loki:3100/loki/api/v1/push')
  t.equal(await pushUrl('release-without-loki'), 'http://logs:3100/loki/api/v1/push')
  t.equal(await pushUrl('release-kept-names'), 'http://logs-loki:3100/loki/api/v1/push')
  t.equal(await pushUrl('load-balancer'), 'http://myloki:80/loki/api/v1/push')
  t.equal(await pushUrl('path-prefix'), 'http://myloki:3100/logs/loki/api/v1/push')
  await pushUrl('release-long-name')
})

test(
  'the store complies with Pod Security "restricted"; the agent only adds access to files of root',
  needsHelm,
  async t => {
    for (const set of valueSets()) {
      const objects = await renderSet(set)
      for (const { kind, metadata, spec } of objects) {
        const pod = kind === 'Pod' ? spec : spec?.template?.spec
        if (!pod) continue
        const what = `${set.name}: ${kind} ${metadata.name}`
        const isAgent = metadata.labels?.['app.kubernetes.io/name'] === 'promtail'
        t.match(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' }, what)
        // Containers of other charts follow their own values.
        const [container] = pod.containers
        t.match(
          container.securityContext,
          {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          what,
        )
        t.notOk(container.securityContext.capabilities.add, what)
        t.ok(container.resources.limits.memory, `${what} has a memory limit`)
        if (isAgent) continue
        t.equal(pod.securityContext.runAsNonRoot, true, what)
        t.not(pod.securityContext.runAsUser, 0, what)
        t.notOk(
          (pod.volumes ?? []).some((volume: object) => 'hostPath' in volume),
          `${what} mounts nothing of the node`,
        )
        t.equal(pod.automountServiceAccountToken, false, what)
      }
    }
  },
)

test('the agent has the mounts, tolerations and permissions of promtail', needsHelm, async t => {
  const objects = await renderSet(valueSet('defaults'))
  const pod = findObject(objects, 'DaemonSet', 'myloki-promtail').spec.template.spec
  t.match(pod.volumes, [
    { name: 'config' },
    { hostPath: { path: '/run/promtail' } },
    { hostPath: { path: '/var/lib/docker/containers' } },
    { hostPath: { path: '/var/log/pods' } },
  ])
  t.match(pod.containers[0].volumeMounts, [
    { mountPath: '/etc/promtail' },
    { mountPath: '/run/promtail', readOnly: undefined },
    { mountPath: '/var/lib/docker/containers', readOnly: true },
    { mountPath: '/var/log/pods', readOnly: true },
  ])
  t.match(pod.tolerations, [
    { key: 'node-role.kubernetes.io/master', operator: 'Exists', effect: 'NoSchedule' },
    { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' },
  ])
  t.same(findObject(objects, 'ClusterRole', 'myloki-promtail').rules, [
    {
      apiGroups: [''],
      resources: ['nodes', 'services', 'endpoints', 'pods'],
      verbs: ['get', 'list', 'watch'],
    },
  ])
})

test(
  'a changed configuration restarts the pods that read it, and no others',
  needsHelm,
  async t => {
    const checksums = async (...args: string[]) => {
      const objects = await renderSet(valueSet('defaults'), ...args)
      return ['StatefulSet myloki', 'DaemonSet myloki-promtail'].map(name => {
        const [kind = '', object = ''] = name.split(' ')
        return findObject(objects, kind, object).spec.template.metadata.annotations[
          'checksum/config'
        ]
      })
    }
    const [store, agent] = await checksums()
    const ofStore = await checksums('--set', 'loki.config.limits_config.max_line_size=1MB')
    t.not(ofStore[0], store)
    t.equal(ofStore[1], agent)
    const ofAgent = await checksums('--set', 'promtail.config.logLevel=debug')
    t.equal(ofAgent[0], store)
    t.not(ofAgent[1], agent)
  },
)

test('several replicas are a Deployment that nothing empties at once', needsHelm, async t => {
  const objects = await renderSet(valueSet('replicas'))
  t.notOk(objects.some(({ kind }) => kind === 'StatefulSet'))
  const single = await renderSet(valueSet('defaults'))
  const service = (of: readonly KubernetesObject[]) => findObject(of, 'Service', 'myloki').spec
  t.same(service(objects), service(single), 'the Service is that of a single store')
  const { spec } = findObject(objects, 'Deployment', 'myloki')
  t.equal(spec.replicas, 3)
  t.same(spec.strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 })
  const pod = spec.template.spec
  t.same(
    pod.volumes.find(({ name }: { name: string }) => name === 'storage'),
    {
      name: 'storage',
      emptyDir: { sizeLimit: '10Gi' },
    },
  )
  const [container] = pod.containers
  t.match(container.lifecycle.preStop.exec.command, ['node', '-e', /, 5000\)$/])
  t.ok(pod.terminationGracePeriodSeconds > 5)
  t.equal(pod.topologySpreadConstraints.length, 1)
  t.same(findObject(objects, 'PodDisruptionBudget', 'myloki').spec.maxUnavailable, 1)
  const policy = findObject(objects, 'NetworkPolicy', 'myloki').spec
  t.same(policy.egress, [{}], 'it reaches bucket and database')

  const scaled = await renderSet(valueSet('replicas-autoscaled'))
  t.notOk('replicas' in findObject(scaled, 'Deployment', 'myloki').spec, 'the autoscaler decides')
  const { spec: autoscaler } = findObject(scaled, 'HorizontalPodAutoscaler', 'myloki')
  t.match(autoscaler, { minReplicas: 2, maxReplicas: 6, scaleTargetRef: { kind: 'Deployment' } })
  t.same(findObject(scaled, 'PodDisruptionBudget', 'myloki').spec.minAvailable, 1)
})

test('the rendered configurations are valid', needsHelm, async t => {
  const dir = t.testdir()
  makeCertificates(dir)
  const paths: string[] = []
  for (const set of valueSets()) {
    for (const object of await renderSet(set)) {
      const key = ['loki.yaml', 'promtail.yaml'].find(name => object.data?.[name] !== undefined)
      if (key === undefined) continue
      const path = join(dir, `${set.name}-${key}`)
      // A file that a set of values mounts and the agent reads.
      const password = join(dir, 'password')
      writeFileSync(password, 'secret')
      const text = textOf(object, key)
        .replace('/etc/push/password', password)
        .replace('/etc/promtail-token/agent', password)
        .replace('/etc/promtail-tls/ca.crt', join(dir, 'ca.crt'))
      writeFileSync(path, text)
      paths.push(path)
    }
  }
  const { stdout, stderr } = await run(skaldCommand, ['check', ...paths]).catch(error => error)
  t.equal(stderr, '')
  for (const path of paths) {
    const kind = path.endsWith('loki.yaml') ? 'store' : 'agent'
    t.match(stdout, `${path}: valid ${kind} configuration\n`)
  }
})

test('the chart can be packaged, and the package renders the same', needsHelm, async t => {
  const dir = t.testdir()
  await helm('package', chartDir, '--destination', dir)
  const { version } = parse(readFileSync(`${chartDir}/Chart.yaml`, 'utf8'))
  const packed = join(dir, `skald-${version}.tgz`)
  const ofPackage = await helm('template', 'myloki', packed)
  t.equal(ofPackage, await helm('template', 'myloki', chartDir))
})
