// Runs what the chart renders: store and agent as real processes with the rendered configurations,
// and a tree of pod logs. Replaces only what a pod gets from outside: mounts and addresses. The
// pods come from a server that speaks the Kubernetes API.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { parse } from 'yaml'
import { pod, startKubernetesApi } from '../packages/agent/test/kubernetes-api.ts'
import {
  chartDir,
  findObject,
  type KubernetesObject,
  needsHelm,
  renderSet,
  textOf,
  valueSet,
} from './chart/helm.ts'
import { flattenStreams, type QueryData, type TestScope } from './harness.ts'
import {
  cleanEnv,
  loopbackHost,
  reservePort,
  type SkaldProcess,
  spawnSkald,
  waitUntilReady,
} from './skald-process.ts'

root.setTimeout(170_000)
const run = promisify(execFile)

/** A pod of the node, with the metadata from the Kubernetes API. */
interface Pod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly container: string
  readonly metadata: {
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
    readonly ownerReferences?: object[]
  }
}

const release = valueSet('tutorial-generated-name').release

const configHash = 'kubernetes.io/config.hash'
const node = 'node-1'

const pods = {
  shop: {
    namespace: 'default',
    name: 'shop-7d4b9c6f5d-abcde',
    uid: '0f3c1d2e-1111-4222-8333-444455556666',
    container: 'web',
    metadata: {
      labels: { 'app.kubernetes.io/component': 'frontend' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'shop-7d4b9c6f5d', controller: true }],
    },
  },
  static: {
    namespace: 'kube-system',
    name: 'etcd-node-1',
    uid: 'aaaa1111-1111-4222-8333-444455556666',
    container: 'etcd',
    metadata: { annotations: { [configHash]: '5e2f0c4b8d' } },
  },
  store: {
    namespace: 'myloki',
    name: `${release}-0`,
    uid: 'bbbb1111-1111-4222-8333-444455556666',
    container: 'loki',
    metadata: { labels: { app: 'loki', release } },
  },
} satisfies Record<string, Pod>

function apiObject({ namespace, name, uid, container, metadata }: Pod, nodeName: string) {
  return pod(name, {
    metadata: { name, namespace, uid, ...metadata },
    spec: { nodeName, containers: [{ name: container, image: 'example:1' }] },
  })
}

/**
 * Returns where the kubelet puts the log of a pod. For static pods, the path has their hash instead
 * of the uid.
 */
function logDir(base: string, { namespace, name, uid, container, metadata }: Pod): string {
  const id = metadata.annotations?.[configHash] ?? uid
  const dir = join(base, 'pods', `${namespace}_${name}_${id}`, container)
  mkdirSync(dir, { recursive: true })
  return dir
}

function criLines(lines: readonly string[]): string {
  return lines.map(line => `${new Date().toISOString()} stdout F ${line}\n`).join('')
}

/** Starts the store of the release, with its mounts below `dir`. */
async function startStore(
  t: TestScope,
  dir: string,
  objects: readonly KubernetesObject[],
): Promise<{ store: SkaldProcess; url: string }> {
  const storeConfig = join(dir, 'loki.yaml')
  writeFileSync(storeConfig, textOf(findObject(objects, 'Secret', release), 'loki.yaml'))
  const port = await reservePort()
  const url = `http://${loopbackHost}:${port}`
  const { args } = findObject(objects, 'StatefulSet', release).spec.template.spec.containers[0]
  const store = spawnSkald({
    args: [
      ...replaceAll(args, { '/etc/loki/loki.yaml': storeConfig }),
      `-server.http-listen-address=${loopbackHost}`,
      `-server.http-listen-port=${port}`,
      `-common.path-prefix=${join(dir, 'data/skald')}`,
    ],
    outputFile: join(dir, 'store.log'),
  })
  t.teardown(() => store.end('SIGKILL'))
  await waitUntilReady(store, `${url}/ready`, 30_000)
  return { store, url }
}

/** Starts a store with a ruler. The release has none, and alerts look at the metrics of both. */
async function startRuler(t: TestScope, dir: string): Promise<string> {
  const config = join(dir, 'ruler.yaml')
  const rules = JSON.stringify(join(dir, 'rules'))
  writeFileSync(config, `ruler: {storage: {type: local, local: {directory: ${rules}}}}\n`)
  const port = await reservePort()
  const url = `http://${loopbackHost}:${port}`
  const store = spawnSkald({
    args: [
      ...['store', `-config.file=${config}`, `-server.http-listen-address=${loopbackHost}`],
      ...[`-server.http-listen-port=${port}`, `-common.path-prefix=${join(dir, 'ruler')}`],
    ],
    outputFile: join(dir, 'ruler.log'),
  })
  t.teardown(() => store.end('SIGKILL'))
  await waitUntilReady(store, `${url}/ready`, 30_000)
  return url
}

/** Starts the agent of the release, pushing to `url`, with its mounts below `dir`. */
async function startAgent(
  t: TestScope,
  dir: string,
  objects: readonly KubernetesObject[],
  { url, apiUrl }: { readonly url: string; readonly apiUrl: string },
): Promise<{ agent: SkaldProcess; agentUrl: string }> {
  const name = `${release}-promtail`
  const agentConfig = join(dir, 'promtail.yaml')
  const rendered = textOf(findObject(objects, 'Secret', name), 'promtail.yaml')
  const [config = ''] = replaceAll([rendered], {
    [`http://${release}:3100`]: url,
    '/var/log/pods': join(dir, 'pods'),
    '/run/promtail': dir,
    // In a cluster, its address comes with the ServiceAccount.
    'role: pod': `{role: pod, api_server: ${apiUrl}}`,
  })
  writeFileSync(agentConfig, config)
  const port = await reservePort()
  const { args } = findObject(objects, 'DaemonSet', name).spec.template.spec.containers[0]
  const agent = spawnSkald({
    args: [
      ...replaceAll(args, { '/etc/promtail/promtail.yaml': agentConfig }),
      `-server.http-listen-address=${loopbackHost}`,
      `-server.http-listen-port=${port}`,
    ],
    outputFile: join(dir, 'agent.log'),
    env: { HOSTNAME: node },
  })
  t.teardown(() => agent.end('SIGKILL'))
  const agentUrl = `http://${loopbackHost}:${port}`
  await waitUntilReady(agent, `${agentUrl}/ready`, 30_000)
  return { agent, agentUrl }
}

/** Replaces texts. Each of them must occur. */
function replaceAll(texts: readonly string[], by: Readonly<Record<string, string>>): string[] {
  const found = new Set<string>()
  const replaced = texts.map(text =>
    Object.entries(by).reduce((result, [from, to]) => {
      if (result.includes(from)) found.add(from)
      return result.replaceAll(from, to)
    }, text),
  )
  const missing = Object.keys(by).filter(from => !found.has(from))
  if (missing.length > 0) throw new Error(`There is no ${missing.join(', no ')} to replace`)
  return replaced
}

async function query(url: string, logql: string): Promise<QueryData> {
  const response = await fetch(
    `${url}/loki/api/v1/query_range?${new URLSearchParams({ query: logql })}`,
  )
  const text = await response.text()
  if (!response.ok) throw new Error(`${logql} was answered ${response.status}: ${text}`)
  return (JSON.parse(text) as { data: QueryData }).data
}

test('the rendered release carries lines of pods to the answers of queries', needsHelm, async t => {
  const dir = t.testdir()
  const objects = await renderSet(valueSet('tutorial-generated-name'))
  writeFileSync(
    join(logDir(dir, pods.shop), '0.log'),
    criLines(['an order came in', 'an error in the shop']),
  )
  // Like with Docker, where the file under /var/log/pods is a link.
  writeFileSync(join(dir, 'etcd.log'), criLines(['an error of etcd']))
  symlinkSync(join(dir, 'etcd.log'), join(logDir(dir, pods.static), '0.log'))
  const { store, url } = await startStore(t, dir, objects)
  const ofStore = store.output().split('\n').filter(Boolean)
  writeFileSync(join(logDir(dir, pods.store), '0.log'), criLines(ofStore))
  const api = await startKubernetesApi(t)
  for (const pod of Object.values(pods)) api.put('pods', apiObject(pod, node))
  const elsewhere = { ...pods.shop, name: 'shop-7d4b9c6f5d-other', uid: 'cccc1111-1111' }
  api.put('pods', apiObject(elsewhere, 'node-2'))
  writeFileSync(join(logDir(dir, elsewhere), '0.log'), criLines(['of another node']))
  const { agent, agentUrl } = await startAgent(t, dir, objects, { url, apiUrl: api.url })

  await t.test('the script of `helm test` succeeds', async t => {
    const testPod = findObject(objects, 'Pod', `${release}-loki-stack-test`).spec
    t.same(testPod.containers[0].command, ['node', '/test/test.mjs'])
    const script = join(dir, 'test.mjs')
    const configMap = findObject(objects, 'ConfigMap', `${release}-loki-stack-test`)
    writeFileSync(script, textOf(configMap, 'test.mjs'))
    const given: { name: string; value: string }[] = testPod.containers[0].env
    t.equal(given.find(({ name }) => name === 'LOKI_URL')?.value, `http://${release}:3100`)
    const env = Object.fromEntries(given.map(({ name, value }) => [name, value]))
    const { stdout } = await run(process.execPath, [script], {
      env: { ...cleanEnv(), ...env, LOKI_URL: url },
    })
    t.equal(stdout.match(/^ok - /gm)?.length, 4, stdout)
    t.match(stdout, 'lines of the store itself arrive')
    const gone = { ...env, LOKI_URL: 'http://127.0.0.1:1', TIMEOUT_SECONDS: '1' }
    const failed = await run(process.execPath, [script], { env: { ...cleanEnv(), ...gone } }).catch(
      (error: { code: number; stdout: string }) => error,
    )
    t.match(failed, { code: 1, stdout: /^not ok - the store answers at http:\/\/127/ })
  })

  await t.test('queries in the documentation return results', async t => {
    for (let i = 0; i < 200; i++) {
      const arrived = flattenStreams(await query(url, '{pod=~"shop.*|etcd.*"}'))
      if (arrived.length === 3) break
      await sleep(100)
    }
    const [error, ...others] = flattenStreams(await query(url, '{namespace="default"} |= "error"'))
    t.same(others, [])
    t.equal(error?.line, 'an error in the shop')
    t.match(error?.labels, {
      namespace: 'default',
      pod: 'shop-7d4b9c6f5d-abcde',
      container: 'web',
      app: 'shop',
      component: 'frontend',
      job: 'default/shop',
      node_name: 'node-1',
      stream: 'stdout',
    })
    t.match(error?.labels.filename, /pods\/default_shop-7d4b9c6f5d-abcde_.*\/web\/0\.log$/)
    t.equal(flattenStreams(await query(url, '{pod="shop-7d4b9c6f5d-abcde"}')).length, 2)
    t.same(flattenStreams(await query(url, '{pod="shop-7d4b9c6f5d-other"}')), [], 'another node')
    const [etcd] = flattenStreams(await query(url, '{pod="etcd-node-1"}'))
    t.equal(etcd?.line, 'an error of etcd')
  })

  await t.test('dashboards and alerts query existing metrics and labels', async t => {
    const rulerUrl = await startRuler(t, dir)
    const pages = await Promise.all(
      [url, agentUrl, rulerUrl].map(async base => (await fetch(`${base}/metrics`)).text()),
    )
    const metrics = new Set(
      [...pages.join('\n').matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? ['_bucket', '_sum', '_count'].map(end => name + end) : [name],
      ),
    )
    t.ok(metrics.has('skald_segments') && metrics.has('promtail_sent_entries_total'))
    const expressions = [...alertExpressions(), ...dashboardExpressions('skald')]
    t.ok(expressions.length > 20)
    for (const expression of expressions) {
      const names = expression.match(/\b(loki|skald|promtail|process|nodejs)_\w+/g) ?? []
      t.ok(names.length > 0, expression)
      for (const name of names) t.ok(metrics.has(name), `${name} of: ${expression}`)
    }
    for (const expression of dashboardExpressions('logs')) {
      const logql = expression
        .replaceAll('$search', 'error')
        .replaceAll(/\$__(auto|range)/g, '5m')
        .replaceAll(/\$(namespace|pod|container)/g, '.*')
      t.not((await query(url, logql)).result.length, 0, logql)
    }
  })

  await agent.end('SIGTERM')
  await store.end('SIGTERM')
  t.match(await Promise.all([agent.exited, store.exited]), [{ code: 0 }, { code: 0 }])
})

function alertExpressions(): string[] {
  return ['store', 'agent'].flatMap(name => {
    const rules = parse(readFileSync(`${chartDir}/alerts/${name}.yaml`, 'utf8'))
    return rules.map(({ expr }: { expr: string }) => expr)
  })
}

function dashboardExpressions(name: string): string[] {
  const { panels } = JSON.parse(readFileSync(`${chartDir}/dashboards/${name}.json`, 'utf8'))
  return panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr),
  )
}
