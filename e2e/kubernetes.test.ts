// Discovery against a real Kubernetes API server: its lists, watches, selectors, tokens and
// restarts. Needs kube-apiserver and etcd on the PATH (or their paths in KUBE_APISERVER and ETCD).
// No kubelet runs; pods are only objects.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadAgentConfig, startAgent } from '@skald/agent'
import pino from 'pino'
import { t as root, type Test, test } from 'tap'
import { startStore } from './harness.ts'
import { loopbackHost, reservePort } from './skald-process.ts'

root.setTimeout(170_000)
const apiServerCommand = process.env.KUBE_APISERVER ?? 'kube-apiserver'
const etcdCommand = process.env.ETCD ?? 'etcd'
const hasBoth = [apiServerCommand, etcdCommand].every(
  command => spawnSync(command, ['--version']).status === 0,
)
const options = hasBoth ? {} : { skip: 'kube-apiserver and etcd are not on the PATH' }

const adminToken = 'admin-token'

/** A cluster without nodes: an API server and its etcd. */
class Cluster {
  readonly dir: string
  readonly #ports: { readonly etcd: number; readonly peer: number; readonly api: number }
  #api: ChildProcess | undefined
  #etcd: ChildProcess | undefined

  constructor(dir: string, ports: { etcd: number; peer: number; api: number }) {
    this.dir = dir
    this.#ports = ports
  }

  get url(): string {
    return `https://${loopbackHost}:${this.#ports.api}`
  }

  #spawn(command: string, args: readonly string[]): ChildProcess {
    const output = openSync(join(this.dir, 'cluster.log'), 'a')
    return spawn(command, args, { stdio: ['ignore', output, output], cwd: this.dir })
  }

  startEtcd(): void {
    const client = `http://${loopbackHost}:${this.#ports.etcd}`
    const peer = `http://${loopbackHost}:${this.#ports.peer}`
    this.#etcd = this.#spawn(etcdCommand, [
      ...['--data-dir', join(this.dir, 'etcd'), '--listen-client-urls', client],
      ...['--advertise-client-urls', client, '--listen-peer-urls', peer],
      ...['--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ])
  }

  async startApiServer(): Promise<void> {
    this.#api = this.#spawn(apiServerCommand, [
      `--etcd-servers=http://${loopbackHost}:${this.#ports.etcd}`,
      ...[`--bind-address=${loopbackHost}`, `--secure-port=${this.#ports.api}`],
      ...[`--cert-dir=${join(this.dir, 'certs')}`, '--authorization-mode=RBAC'],
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(this.dir, 'account.pem')}`,
      `--service-account-signing-key-file=${join(this.dir, 'account.pem')}`,
      `--token-auth-file=${join(this.dir, 'tokens.csv')}`,
      ...['--disable-admission-plugins=ServiceAccount', '--service-cluster-ip-range=10.96.0.0/16'],
    ])
    while ((await this.call('GET', '/readyz').catch(() => ({ status: 0 }))).status !== 200) {
      if (this.#api.exitCode !== null) throw new Error('The API server ended: see cluster.log')
      await sleep(100)
    }
  }

  /** Calls the API as administrator. */
  call(method: string, path: string, body?: object): Promise<{ status: number; body: string }> {
    const headers = {
      authorization: `Bearer ${adminToken}`,
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    }
    return new Promise((resolve, reject) => {
      const options = { method, headers, rejectUnauthorized: false, agent: false }
      const call = request(`${this.url}${path}`, options, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      })
      call.on('error', reject)
      call.end(body && JSON.stringify(body))
    })
  }

  async create(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await this.call('POST', path, body)
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.body}`)
    return JSON.parse(answer.body) as Record<string, unknown>
  }

  async stopApiServer(): Promise<void> {
    await end(this.#api)
    this.#api = undefined
  }

  async stop(): Promise<void> {
    await this.stopApiServer()
    await end(this.#etcd)
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function startCluster(t: Test): Promise<Cluster> {
  const dir = t.testdir({ 'tokens.csv': `${adminToken},admin,1,system:masters\n`, pods: {} })
  execFileSync('openssl', ['genrsa', '-out', join(dir, 'account.pem'), '2048'], { stdio: 'ignore' })
  const ports = { etcd: await reservePort(), peer: await reservePort(), api: await reservePort() }
  const cluster = new Cluster(dir, ports)
  t.teardown(() => cluster.stop())
  cluster.startEtcd()
  await cluster.startApiServer()
  await cluster.create('/api/v1/namespaces', {
    metadata: { name: 'shop', labels: { team: 'red' } },
  })
  return cluster
}

const group = '/apis/rbac.authorization.k8s.io/v1'

/**
 * Creates a service account that may list and watch pods. Returns a function that creates tokens
 * for it.
 */
async function makeAccount(cluster: Cluster): Promise<() => Promise<string>> {
  const accounts = '/api/v1/namespaces/shop/serviceaccounts'
  await cluster.create(accounts, { metadata: { name: 'skald' } })
  await cluster.create(`${group}/clusterroles`, {
    metadata: { name: 'skald' },
    rules: [{ apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }],
  })
  await cluster.create(`${group}/clusterrolebindings`, {
    metadata: { name: 'skald' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'skald' },
    subjects: [{ kind: 'ServiceAccount', name: 'skald', namespace: 'shop' }],
  })
  return async () => {
    const path = `${accounts}/skald/token`
    const made = await cluster.create(path, { spec: { expirationSeconds: 3600 } })
    return (made.status as { token: string }).token
  }
}

async function makePod(cluster: Cluster, name: string, nodeName = 'node-1'): Promise<string> {
  const made = await cluster.create('/api/v1/namespaces/shop/pods', {
    metadata: { name, labels: { app: name } },
    spec: { nodeName, containers: [{ name: 'main', image: 'none' }] },
  })
  return (made.metadata as { uid: string }).uid
}

function writeLog(cluster: Cluster, uid: string, name: string, line: string): void {
  const dir = join(cluster.dir, 'pods', `shop_${name}_${uid}`, 'main')
  mkdirSync(dir, { recursive: true })
  const time = new Date(Number(logTimeNs / 1_000_000n)).toISOString()
  writeFileSync(join(dir, '0.log'), `${time} stdout F ${line}\n`, { flag: 'a' })
}

/** Time of all lines. */
const logTimeNs = BigInt(Date.now() - 60_000) * 1_000_000n

const kubeconfig = (cluster: Cluster) => `
current-context: test
contexts: [{name: test, context: {cluster: test, user: skald}}]
clusters: [{name: test, cluster: {server: "${cluster.url}", certificate-authority: certs/apiserver.crt}}]
users: [{name: skald, user: {tokenFile: token}}]
`

test('the agent finds the pods of its node through a real API server', options, async t => {
  const cluster = await startCluster(t)
  const newToken = await makeAccount(cluster)
  writeFileSync(join(cluster.dir, 'token'), await newToken())
  writeFileSync(join(cluster.dir, 'kubeconfig'), kubeconfig(cluster))
  const store = await startStore(t, { dir: cluster.dir })
  const text = `server: {disable: true}
positions: {filename: "${cluster.dir}/positions.yaml"}
clients: [{url: "${store.url}/loki/api/v1/push", batchwait: 20ms}]
scrape_configs:
  - job_name: pods
    pipeline_stages: [{cri: {}}]
    kubernetes_sd_configs:
      - role: pod
        kubeconfig_file: ${cluster.dir}/kubeconfig
        attach_metadata: {node: true}
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_label_app], target_label: app}
      - {source_labels: [__meta_kubernetes_node_label_zone], target_label: zone}
      - source_labels: [__meta_kubernetes_pod_uid, __meta_kubernetes_pod_container_name]
        separator: /
        replacement: ${cluster.dir}/pods/*$1/*.log
        target_label: __path__
`
  await cluster.create('/api/v1/nodes', { metadata: { name: 'node-1', labels: { zone: 'z1' } } })
  const first = await makePod(cluster, 'first')
  const elsewhere = await makePod(cluster, 'elsewhere', 'node-2')
  writeLog(cluster, first, 'first', 'one')
  writeLog(cluster, elsewhere, 'elsewhere', 'not of this node')
  const logged: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const config = await loadAgentConfig({ text, path: 'agent.yaml' })
  const agent = await startAgent({
    ...{ config, logger, version: 'test', hostname: 'node-1', withHttpServer: false },
  })
  t.teardown(() => agent.stop())
  const linesOf = async () => {
    const lines: string[] = []
    const endNs = logTimeNs + 1_000_000_000n
    for await (const { labels, line } of store.entries('{app=~".+"}', logTimeNs, endNs)) {
      lines.push(`${labels.app} ${labels.zone} ${line}`)
    }
    return lines
  }
  const until = async (count: number) => {
    while ((await linesOf()).length < count) await sleep(50)
    return (await linesOf()).sort()
  }
  t.same(await until(1), ['first z1 one'])

  const startedMs = performance.now()
  const second = await makePod(cluster, 'second')
  writeLog(cluster, second, 'second', 'two')
  await until(2)
  t.comment(`a new pod's line was found after ${Math.round(performance.now() - startedMs)} ms`)

  // The node's labels change. Lines written from now on have the new ones.
  await cluster.call('PATCH', '/api/v1/nodes/node-1', { metadata: { labels: { zone: 'z2' } } })
  await sleep(500)
  writeLog(cluster, first, 'first', 'three')
  t.same(await until(3), ['first z1 one', 'first z2 three', 'second z1 two'])

  // The server goes away, comes back, and has other objects.
  await cluster.stopApiServer()
  writeLog(cluster, second, 'second', 'four')
  await until(4)
  await cluster.startApiServer()
  await cluster.call('DELETE', '/api/v1/namespaces/shop/pods/first?gracePeriodSeconds=0')
  const third = await makePod(cluster, 'third')
  writeLog(cluster, third, 'third', 'five')
  await until(5)
  while (agent.files().some(({ path }) => path.includes('_first_'))) await sleep(50)

  // The account loses its rights and gets them back.
  await cluster.call('DELETE', `${group}/clusterrolebindings/skald`)
  await cluster.stopApiServer()
  await cluster.startApiServer()
  while (!logged.some(line => line.includes('403') && line.includes('forbidden'))) await sleep(50)
  await cluster.create(`${group}/clusterrolebindings`, {
    metadata: { name: 'skald' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'skald' },
    subjects: [{ kind: 'ServiceAccount', name: 'skald', namespace: 'shop' }],
  })
  // A rejected token is read again.
  writeFileSync(join(cluster.dir, 'token'), 'nonsense')
  await cluster.stopApiServer()
  await cluster.startApiServer()
  while (!logged.some(line => line.includes('401'))) await sleep(50)
  writeFileSync(join(cluster.dir, 'token'), await newToken())
  const fourth = await makePod(cluster, 'fourth')
  writeLog(cluster, fourth, 'fourth', 'six')
  t.same((await until(6)).length, 6)
})
