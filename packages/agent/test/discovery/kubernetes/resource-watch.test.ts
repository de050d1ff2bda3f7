import pino from 'pino'
import { type Test, test } from 'tap'
import { ApiClient } from '../../../src/discovery/api-client.ts'
import { type Pod, readPod } from '../../../src/discovery/kubernetes/pod.ts'
import { ResourceWatch } from '../../../src/discovery/kubernetes/resource-watch.ts'
import { AgentMetrics } from '../../../src/metrics/agent-metrics.ts'
import { waitFor } from '../../harness.ts'
import { type KubernetesApi, pod, startKubernetesApi } from '../../kubernetes-api.ts'

/** Watches the pods of a server. Returns the log as well. */
function watchPods(t: Test, api: KubernetesApi, authorization?: { token: string }) {
  const logged: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const metrics = new AgentMetrics({ version: 'test' })
  const watch = new ResourceWatch<Pod>({
    ...{ path: '/api/v1/pods', role: 'pod', labelSelector: '', read: readPod },
    fieldSelector: 'spec.nodeName=host',
    lingerMs: 300,
    connect: () =>
      new ApiClient(
        {
          url: new URL(api.url),
          ...(authorization && {
            authorization: {
              ...{ kind: 'header', type: 'Bearer' },
              credentials: { text: authorization.token },
            },
          }),
        },
        'skald-agent/test',
      ),
    ...{ onChange: () => {}, metrics, logger },
  })
  watch.start()
  t.teardown(() => watch.stop())
  const names = () => [...watch.items.values()].map(({ meta }) => meta.name).sort()
  const until = (...wanted: string[]) => waitFor(() => names().join() === wanted.join())
  return { watch, logged, names, until, metrics }
}

const lists = (api: KubernetesApi) => api.requests.filter(({ query }) => !query.has('watch'))
const watches = (api: KubernetesApi) => api.requests.filter(({ query }) => query.has('watch'))

test('ResourceWatch lists in pages and follows changes from the version of the list', async t => {
  const api = await startKubernetesApi(t)
  api.pageMax = 3
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) api.put('pods', pod(name))
  const { until, metrics } = watchPods(t, api)
  await until('a', 'b', 'c', 'd', 'e', 'f', 'g')
  t.equal(lists(api).length, 3)
  t.equal(lists(api)[0]!.query.get('resourceVersion'), '0')
  t.same(
    lists(api).map(({ query }) => query.get('continue')),
    [null, '3', '6'],
  )
  await waitFor(() => api.watchCount === 1)
  t.equal(watches(api)[0]!.query.get('resourceVersion'), '107')
  t.equal(watches(api)[0]!.query.get('allowWatchBookmarks'), 'true')
  api.delete('pods', pod('b'))
  api.put('pods', pod('h'))
  api.put('pods', pod('a', { status: { phase: 'Failed' } }))
  await until('a', 'c', 'd', 'e', 'f', 'g', 'h')
  const text = await metrics.registry.metrics()
  t.match(text, 'prometheus_sd_kubernetes_events_total{role="pod",event="delete"} 1')
  t.equal(lists(api).length, 3, 'nothing is listed again')
})

test('ResourceWatch continues from the last version after a connection broke within an event', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', pod('a'))
  const { until, logged } = watchPods(t, api)
  await until('a')
  await waitFor(() => api.watchCount === 1)
  api.put('pods', pod('b'))
  await until('a', 'b')
  const half = JSON.stringify({ type: 'ADDED', object: pod('half') }).slice(0, 60)
  api.breakWatches(half)
  api.put('pods', pod('c'))
  await until('a', 'b', 'c')
  t.equal(lists(api).length, 1)
  t.equal(watches(api).at(-1)!.query.get('resourceVersion'), '102')
  t.match(logged.join(''), /Cannot ask the Kubernetes API server/)
  await waitFor(() => logged.join('').includes('answers again'))
  // Ended cleanly, but in the middle of an event.
  api.isDribbling = true
  api.put('pods', pod('d'))
  await until('a', 'b', 'c', 'd')
})

test('ResourceWatch continues from a bookmark, and after the end of a watch', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', pod('a'))
  const { until } = watchPods(t, api)
  await until('a')
  await waitFor(() => api.watchCount === 1)
  for (let i = 0; i < 5; i++) api.bookmark()
  api.endWatches()
  await waitFor(() => api.watchCount === 1)
  t.equal(watches(api).at(-1)!.query.get('resourceVersion'), '106')
  api.put('pods', pod('b'))
  await until('a', 'b')
  t.equal(lists(api).length, 1)
})

test('ResourceWatch lists again after 410 Gone, and finds what it missed', async t => {
  const api = await startKubernetesApi(t)
  for (const name of ['a', 'b']) api.put('pods', pod(name))
  const { until } = watchPods(t, api)
  await until('a', 'b')
  await waitFor(() => api.watchCount === 1)
  // As an event of the watch.
  api.expireWatches()
  api.delete('pods', pod('a'))
  await until('b')
  t.equal(lists(api).at(-1)!.query.get('resourceVersion'), null, 'not from the server’s memory')
  // As the answer to a new watch.
  await waitFor(() => api.watchCount === 1)
  api.breakWatches()
  api.put('pods', pod('c'))
  api.delete('pods', pod('b'))
  api.compact()
  await until('c')
})

test('ResourceWatch restarts a list whose continuation expired, and finally lists without pages', async t => {
  const api = await startKubernetesApi(t)
  api.pageMax = 1
  api.expiredPages = 5
  for (const name of ['a', 'b', 'c']) api.put('pods', pod(name))
  const { until } = watchPods(t, api)
  await until('a', 'b', 'c')
  t.equal(lists(api).at(-1)!.query.get('limit'), null)
})

test('ResourceWatch retries with the current token', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', pod('a'))
  api.token = 'new'
  const authorization = { token: 'old' }
  const { until, logged } = watchPods(t, api, authorization)
  await waitFor(() => logged.length > 0)
  t.match(logged[0], /401: Unauthorized.*read again each time/)
  authorization.token = 'new'
  await until('a')
  t.same([...new Set(api.requests.map(({ token }) => token))], ['old', 'new'])
})

test('ResourceWatch gives advice for 403, waits longer each time, and can be stopped while it waits', async t => {
  const api = await startKubernetesApi(t)
  api.failWith = 403
  const { logged, watch, metrics } = watchPods(t, api)
  await waitFor(() => api.requests.length === 3)
  t.equal(logged.length, 1, 'the same problem is logged once')
  t.match(logged[0], /403: told so\. Allow the service account to list and watch/)
  t.match(await metrics.registry.metrics(), /kubernetes_failures_total\{role="pod"\} [23]/)
  await watch.stop()
  t.notOk(watch.hasListed)
})

test('ResourceWatch accepts slow answers, and stops even if an answer never comes', async t => {
  const api = await startKubernetesApi(t)
  api.delayMs = 300
  api.put('pods', pod('a'))
  const { until, watch } = watchPods(t, api)
  await until('a')
  await waitFor(() => api.watchCount === 1)
  api.delayMs = 60_000
  api.breakWatches()
  await waitFor(() => watches(api).length >= 2)
  await watch.stop()
})

test('ResourceWatch keeps deleted objects for a while, even those that came and went unseen', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', pod('a'))
  const { watch, until } = watchPods(t, api)
  await until('a')
  await waitFor(() => api.watchCount === 1)
  const all = () =>
    [...watch.all()]
      .map(({ meta }) => meta.name)
      .sort()
      .join()
  api.breakWatches()
  api.put('pods', pod('short'))
  api.delete('pods', pod('short'))
  api.delete('pods', pod('a'))
  await waitFor(() => all() === 'a,short')
  t.equal(watch.items.size, 0)
  await waitFor(() => all() === '')
  // An object missing from the next list.
  api.put('pods', pod('b'))
  await until('b')
  api.breakWatches()
  api.delete('pods', pod('b'))
  api.compact()
  await waitFor(() => watch.items.size === 0)
  t.equal(all(), 'b')
  await waitFor(() => all() === '')
})

test('ResourceWatch survives answers that are not JSON', async t => {
  const api = await startKubernetesApi(t)
  api.put('pods', pod('a'))
  const { until, logged } = watchPods(t, api)
  await until('a')
  await waitFor(() => api.watchCount === 1)
  api.breakWatches('<html>proxy error</html>\n')
  api.put('pods', pod('b'))
  await until('a', 'b')
  t.match(logged.join(''), /is not valid JSON/)
})
