// `helm upgrade` from a release of loki-stack. Kubernetes refuses changes to some fields of
// existing objects, so where names are equal these fields must be equal too. LOKI_STACK_RELEASE
// names a file with the output of `helm template` for the old chart, to compare with that instead
// of the stored facts.

import { readFileSync } from 'node:fs'
import { t as root, test } from 'tap'
import { chartDir, helm, type KubernetesObject, needsHelm, parseObjects } from './chart/helm.ts'

root.setTimeout(60_000)

const oldRelease = parseObjects(
  readFileSync(
    process.env.LOKI_STACK_RELEASE ??
      new URL('chart/loki-stack-release.yaml', import.meta.url).pathname,
    'utf8',
  ),
)

const idOf = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`

/** Returns the fields of an object that an API server treats as immutable. */
function immutableFields({ kind, spec, roleRef, type }: KubernetesObject): unknown {
  switch (kind) {
    case 'StatefulSet': {
      const { serviceName, selector, podManagementPolicy, volumeClaimTemplates = [] } = spec
      const claims = volumeClaimTemplates.map(({ metadata, spec }: KubernetesObject) => ({
        metadata,
        spec,
      }))
      return withoutEmpty({ serviceName, selector, podManagementPolicy, claims })
    }
    case 'DaemonSet':
    case 'Deployment':
      return spec.selector
    case 'Service':
      return { isHeadless: spec.clusterIP === 'None' }
    case 'PersistentVolumeClaim':
      return { accessModes: spec.accessModes, requests: spec.resources.requests }
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return roleRef
    case 'Secret':
      return { type: type ?? 'Opaque' }
    default:
      return {}
  }
}

/** Removes empty values, because an API server treats them like absent ones. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, withoutEmpty(item)] as const)
      .filter(([, item]) => item !== null && JSON.stringify(item) !== '{}'),
  )
}

async function upgrade(release: string, ...sets: string[]): Promise<KubernetesObject[]> {
  const args = sets.flatMap(set => ['--set', set])
  return parseObjects(
    await helm('template', release, chartDir, '--namespace', 'loki-stack', '--is-upgrade', ...args),
  )
}

/**
 * Returns the names of objects in the new release whose immutable fields differ from the old
 * release.
 */
function refusedObjects(objects: readonly KubernetesObject[], old = oldRelease): string[] {
  return objects
    .filter(object => {
      const before = old.find(candidate => idOf(candidate) === idOf(object))
      if (!before) return false
      return (
        JSON.stringify(sorted(immutableFields(before))) !==
        JSON.stringify(sorted(immutableFields(object)))
      )
    })
    .map(idOf)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}

test('a release with a volume keeps every immutable field', needsHelm, async t => {
  const objects = await upgrade('loki', 'loki.memberlist.enabled=true')
  t.same(refusedObjects(objects), [])
  const kept = objects.map(idOf).filter(id => oldRelease.some(old => idOf(old) === id))
  for (const id of [
    ...['StatefulSet loki', 'DaemonSet loki-promtail', 'Service loki', 'Service loki-headless'],
    ...['Service loki-memberlist', 'Secret loki', 'Secret loki-promtail', 'ServiceAccount loki'],
    ...['ServiceAccount loki-promtail', 'ClusterRole loki-promtail'],
    ...['ClusterRoleBinding loki-promtail', 'ConfigMap loki-loki-stack'],
  ]) {
    t.ok(kept.includes(id), id)
  }
})

test(
  'a release without a volume is kept with persistence off, and refused otherwise',
  needsHelm,
  async t => {
    const old = oldRelease.map(object =>
      object.kind === 'StatefulSet'
        ? { ...object, spec: { ...object.spec, volumeClaimTemplates: [] } }
        : object,
    )
    t.same(refusedObjects(await upgrade('loki', 'loki.persistence.enabled=false'), old), [])
    // docs/migrating.md says what to do; the comparison must detect it.
    t.same(refusedObjects(await upgrade('loki'), old), ['StatefulSet loki'])
  },
)

test("the old chart's Grafana keeps its volume and its selector", needsHelm, async t => {
  const sets = ['grafana.enabled=true', 'grafana.persistence.enabled=true']
  const objects = await upgrade('loki', ...sets)
  t.same(refusedObjects(objects), [])
  for (const id of ['PersistentVolumeClaim loki-grafana', 'Deployment loki-grafana']) {
    t.ok(
      [oldRelease, objects].every(all => all.some(object => idOf(object) === id)),
      id,
    )
  }
})

test('a release not named loki keeps its objects with fullnameOverride', needsHelm, async t => {
  const old = parseObjects(
    `kind: StatefulSet
metadata: {name: logs-loki}
spec:
  podManagementPolicy: OrderedReady
  serviceName: logs-loki-headless
  selector: {matchLabels: {app: loki, release: logs}}
  volumeClaimTemplates:
    - metadata: {name: storage}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
---
kind: DaemonSet
metadata: {name: logs-promtail}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: promtail, app.kubernetes.io/instance: logs}
`,
  )
  const objects = await upgrade('logs', 'loki.fullnameOverride=logs-loki')
  t.same(refusedObjects(objects, old), [])
  for (const { kind, metadata } of old) {
    t.ok(
      objects.some(object => idOf(object) === `${kind} ${metadata.name}`),
      metadata.name,
    )
  }
})
