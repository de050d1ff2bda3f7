// Runs the promtail chart's own job, unchanged, on a node as a pod sees it: logs in /var/log/pods, a
// service account in /var/run/secrets, an API server that accepts the account's token. The paths are the
// real ones, in a separate mount namespace.

import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { spawnAgent, startReceiver, waitFor } from './harness.ts'
import { type ApiObject, type KubernetesApi, startKubernetesApi } from './kubernetes-api.ts'

const canMount =
  spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/run']).status === 0 &&
  spawnSync('openssl', ['version']).status === 0
const options = canMount ? {} : { skip: 'needs openssl and a mount namespace of its own' }

// Runs inside the namespace: mounts the test's directories where the agent's pod has them.
const mounts = `
set -e
mount -t tmpfs tmpfs /var/log && mkdir /var/log/pods && mount --bind "$NODE_DIR/pods" /var/log/pods
mount -t tmpfs tmpfs /run && mkdir -p /run/promtail /var/run/secrets/kubernetes.io/serviceaccount
mount --bind "$NODE_DIR/account" /var/run/secrets/kubernetes.io/serviceaccount
exec "$@"
`

interface Container {
  readonly name: string
  readonly ports?: readonly object[]
}

interface PodOptions {
  readonly name: string
  readonly uid?: string
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
  readonly owner?: string
  readonly containers?: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly ephemeralContainers?: readonly Container[]
  readonly nodeName?: string
  readonly status?: object
}

function makePod(of: PodOptions): ApiObject {
  const { name, uid = `uid-${name}`, labels = {}, annotations = {}, owner } = of
  const ownerReferences = owner ? [{ kind: 'ReplicaSet', name: owner, controller: true }] : []
  return {
    metadata: { name, uid, namespace: 'shop', labels, annotations, ownerReferences },
    spec: {
      nodeName: of.nodeName ?? 'node-1',
      containers: of.containers ?? [{ name: 'main' }],
      ...(of.initContainers ? { initContainers: of.initContainers } : {}),
      ...(of.ephemeralContainers ? { ephemeralContainers: of.ephemeralContainers } : {}),
    },
    status: of.status ?? { phase: 'Running', podIP: '10.0.0.7' },
  }
}

/** Writes lines like containerd. */
function writeLog(dir: string, file: string, ...lines: readonly string[]): void {
  const path = join(dir, 'pods', file)
  mkdirSync(join(path, '..'), { recursive: true })
  const time = '2026-11-20T10:00:00.000000001Z'
  appendFileSync(path, lines.map(line => `${time} stdout F ${line}\n`).join(''))
}

function makeCertificate(dir: string): { cert: string; key: string } {
  const [cert, key] = [join(dir, 'account/ca.crt'), join(dir, 'key.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  )
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

/** Creates a node's directories and an API server that accepts the agent's token. */
async function startNode(t: Test): Promise<{ dir: string; api: KubernetesApi }> {
  const dir = t.testdir({ pods: {}, account: { token: 'first\n', namespace: 'logging' } })
  const api = await startKubernetesApi(t, makeCertificate(dir))
  api.token = 'first'
  return { dir, api }
}

const chartJob = readFileSync(new URL('./fixtures/promtail-chart.yaml', import.meta.url), 'utf8')

async function startAgentOn(
  t: Test,
  { dir, api }: { dir: string; api: KubernetesApi },
  url: string,
  job = chartJob,
): Promise<void> {
  const config = join(dir, 'promtail.yaml')
  writeFileSync(
    config,
    `server: {log_level: info, log_format: logfmt, http_listen_address: 127.0.0.1, http_listen_port: 0}
clients: [{url: "${url}", batchwait: 20ms}]
positions: {filename: /run/promtail/positions.yaml}
${job}`,
  )
  await spawnAgent(t, config, {
    wrap: ['unshare', '-rm', 'sh', '-c', mounts, 'sh'],
    env: {
      NODE_DIR: dir,
      HOSTNAME: 'node-1',
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: new URL(api.url).port,
    },
  })
}

test('The chart’s job gives exactly Promtail’s labels', options, async t => {
  const node = await startNode(t)
  const { dir, api } = node
  const receiver = await startReceiver(t)
  const put = (of: PodOptions) => api.put('pods', makePod(of))
  put({
    name: 'web-7c9d8f6b54-x2x2x',
    owner: 'web-7c9d8f6b54',
    labels: {
      'app.kubernetes.io/name': 'storefront',
      'app.kubernetes.io/instance': 'prod',
      'app.kubernetes.io/component': 'frontend',
      app: 'ignored',
    },
    containers: [
      { name: 'main', ports: [{ containerPort: 80 }, { containerPort: 443 }] },
      { name: 'side.car' },
    ],
    initContainers: [{ name: 'prepare' }],
    ephemeralContainers: [{ name: 'debugger' }],
  })
  put({ name: 'db-0', owner: 'db', labels: { app: 'database', instance: 'a', component: 'b' } })
  put({ name: 'backup-28391234-abcde', owner: 'backup-28391234' })
  put({ name: 'web2-7c9d8f6b54-aaaaa', owner: 'web2-7c9d8f6b54' })
  put({ name: 'lonely', status: { phase: 'Pending' } })
  put({
    name: 'etcd-node-1',
    uid: 'api-uid',
    annotations: { 'kubernetes.io/config.hash': '0a1b2c' },
    containers: [{ name: 'etcd' }],
  })
  put({ name: 'elsewhere', nodeName: 'node-2' })
  const files = [
    'shop_web-7c9d8f6b54-x2x2x_uid-web-7c9d8f6b54-x2x2x/main/0.log',
    'shop_web-7c9d8f6b54-x2x2x_uid-web-7c9d8f6b54-x2x2x/side.car/3.log',
    'shop_web-7c9d8f6b54-x2x2x_uid-web-7c9d8f6b54-x2x2x/prepare/0.log',
    'shop_web-7c9d8f6b54-x2x2x_uid-web-7c9d8f6b54-x2x2x/debugger/0.log',
    'shop_db-0_uid-db-0/main/0.log',
    'shop_backup-28391234-abcde_uid-backup-28391234-abcde/main/0.log',
    'shop_web2-7c9d8f6b54-aaaaa_uid-web2-7c9d8f6b54-aaaaa/main/0.log',
    'shop_lonely_uid-lonely/main/0.log',
    'shop_etcd-node-1_0a1b2c/etcd/0.log',
    'shop_elsewhere_uid-elsewhere/main/0.log',
  ]
  for (const file of files) writeLog(dir, file, `of ${file}`)
  await startAgentOn(t, node, receiver.url)
  await receiver.until(() => receiver.entries.length === files.length - 1)

  const row = (file: string, labels: Record<string, string>) => {
    const [, pod, container] = /^shop_([^_]+)_[^/]+\/([^/]+)/.exec(file)!
    const all: Record<string, string> = {
      ...{ container: container!, filename: `/var/log/pods/${file}`, job: `shop/${labels.app}` },
      ...{ namespace: 'shop', node_name: 'node-1', pod: pod!, stream: 'stdout', ...labels },
    }
    const pairs = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}}`
  }
  const storefront = { app: 'storefront', instance: 'prod', component: 'frontend' }
  const wanted = [
    ...files.slice(0, 4).map(file => row(file, storefront)),
    row(files[4]!, { app: 'database', instance: 'a', component: 'b' }),
    row(files[5]!, { app: 'backup' }),
    row(files[6]!, { app: 'web2' }),
    row(files[7]!, { app: 'lonely' }),
    row(files[8]!, { app: 'etcd-node-1' }),
  ]
  t.same(receiver.entries.map(({ labels }) => labels).sort(), wanted.sort())
  t.same(
    receiver.entries.map(({ line }) => line).sort(),
    files
      .slice(0, -1)
      .map(file => `of ${file}`)
      .sort(),
  )
})

test('A pod that comes is read at once, one that goes is read to its end', options, async t => {
  const node = await startNode(t)
  const { dir, api } = node
  const receiver = await startReceiver(t)
  await startAgentOn(t, node, receiver.url)
  await waitFor(() => api.watchCount === 1)
  const startedMs = performance.now()
  api.put('pods', makePod({ name: 'new' }))
  writeLog(dir, 'shop_new_uid-new/main/0.log', 'first')
  await receiver.until(() => receiver.entries.length === 1)
  const tookMs = performance.now() - startedMs
  t.comment(`the first line of a new pod arrived after ${Math.round(tookMs)} ms`)
  // Without an event for the new target and its directory, it would take the sync period of ten seconds.
  t.ok(tookMs < 5_000)

  // The token changes and the old one expires, like bound tokens.
  writeFileSync(join(dir, 'account/token'), 'second\n')
  api.token = 'second'
  api.breakWatches()
  api.put('pods', makePod({ name: 'newer' }))
  writeLog(dir, 'shop_newer_uid-newer/main/0.log', 'second')
  await receiver.until(() => receiver.entries.length === 2)

  receiver.respond(503)
  writeLog(dir, 'shop_new_uid-new/main/0.log', ...Array.from({ length: 1000 }, (_, i) => `l ${i}`))
  api.delete('pods', makePod({ name: 'new' }))
  await waitFor(() => receiver.refusals > 0)
  rmSync(join(dir, 'pods/shop_new_uid-new'), { recursive: true })
  receiver.respond(204)
  await receiver.until(() => receiver.entries.length === 1002)
})

test('own_namespace watches only the pods in the agent’s namespace', options, async t => {
  const node = await startNode(t)
  const receiver = await startReceiver(t)
  const job = chartJob.replace('- role: pod', '- {role: pod, namespaces: {own_namespace: true}}')
  await startAgentOn(t, node, receiver.url, job)
  await waitFor(() => node.api.watchCount === 1)
  t.same(
    [...new Set(node.api.requests.map(({ path }) => path))],
    ['/api/v1/namespaces/logging/pods'],
  )
})

test('No line is lost when pods come and go while watches break', options, async t => {
  const node = await startNode(t)
  const { dir, api } = node
  const receiver = await startReceiver(t)
  await startAgentOn(t, node, receiver.url)
  await waitFor(() => api.watchCount === 1)
  const podCount = 40
  const lineCount = 50
  const live = async (name: string) => {
    const uid = `uid-${name}`
    api.put('pods', makePod({ name, uid, status: { phase: 'Pending' } }))
    for (let i = 0; i < lineCount; i += 10) {
      writeLog(
        dir,
        `shop_${name}_${uid}/main/0.log`,
        ...Array.from({ length: 10 }, (_, j) => `${name} ${i + j}`),
      )
      api.put('pods', makePod({ name, uid, labels: { generation: String(i) } }))
      await sleep(30)
    }
    api.delete('pods', makePod({ name, uid }))
    // Like a kubelet: the directory disappears a while after the pod.
    await sleep(1_500)
    rmSync(join(dir, `pods/shop_${name}_${uid}`), { recursive: true })
  }
  const pods: Promise<void>[] = []
  for (let i = 0; i < podCount; i++) {
    pods.push(live(`p${i}`))
    await sleep(25)
    if (i % 10 === 3) api.breakWatches('{"type":"ADD')
    if (i % 10 === 7) api.expireWatches()
  }
  await Promise.all(pods)
  await receiver.until(() => receiver.entries.length >= podCount * lineCount)
  await sleep(500)
  const lines = receiver.entries.map(({ line }) => line)
  t.equal(lines.length, podCount * lineCount)
  t.equal(new Set(lines).size, podCount * lineCount)
})
