// Rules against the real things: alerts in an Alertmanager, recorded series in a Prometheus, both killed and brought back,
// and a store that is killed while it evaluates.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { createAlertmanager, createPrometheus, skipAlertServers } from './alert-servers.ts'
import { startStore, type TestStore } from './harness.ts'
import { killWhileEvaluating } from './killed-rules.ts'
import { spawnSkald } from './skald-process.ts'

interface SentAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
  readonly generatorURL: string
  readonly status: { readonly state: string }
}
interface Vector {
  readonly data: {
    readonly result: {
      readonly metric: Readonly<Record<string, string>>
      readonly value: [number, string]
      readonly values: [number, string][]
    }[]
  }
}

/** Waits until something is there. */
async function until<T>(what: string, find: () => Promise<T | undefined | false>): Promise<T> {
  const startMs = performance.now()
  for (;;) {
    const found = await find().catch(() => undefined)
    if (found !== undefined && found !== false) return found
    if (performance.now() - startMs > 30_000) throw new Error(`waited in vain for ${what}`)
    await sleep(50)
  }
}

const rules = `groups:
  - name: web
    interval: 500ms
    rules:
      - alert: Errors
        expr: sum by (app) (count_over_time({app="web"} |= "error" [4s])) > 1
        for: 1s
        labels: {severity: page}
        annotations: {summary: '{{ $value | humanize }} errors of {{ $labels.app }}'}
      - record: app:lines:count1m
        expr: sum by (app) (count_over_time({app="web"}[1m]))
        labels: {source: logs}
`

function pushLines(store: TestStore, line: string, count: number) {
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const entries = Array.from({ length: count }, (_, i) => ({
    timestampNs: nowNs + BigInt(i),
    line,
  }))
  return store.push([{ labels: [{ name: 'app', value: 'web' }], entries }])
}

test('an alert and recorded series go from lines to Alertmanager and Prometheus, and nothing is lost while these are away', {
  skip: skipAlertServers,
}, async t => {
  const dir = t.testdir()
  const [prometheus, alertmanager] = [await createPrometheus(dir), await createAlertmanager(dir)]
  t.teardown(() => Promise.all([prometheus.kill(), alertmanager.kill()]))
  await Promise.all([prometheus.start(), alertmanager.start()])
  mkdirSync(join(dir, 'rules', 'fake'), { recursive: true })
  writeFileSync(join(dir, 'rules', 'fake', 'web.yaml'), rules)
  const store = await startStore(t, {
    dir,
    config: `ruler:
  storage: {type: local, local: {directory: ${join(dir, 'rules')}}}
  alertmanager_url: ${alertmanager.url}
  external_url: https://grafana.example
  external_labels: {cluster: c1}
  resend_delay: 1s
  remote_write:
    enabled: true
    clients: {prom: {url: "${prometheus.url}/api/v1/write", queue_config: {max_backoff: 300ms}}}
`,
  })
  const alerts = () => alertmanager.ask<SentAlert[]>('/api/v2/alerts')
  const query = async (promql: string) => {
    const path = `/api/v1/query?${new URLSearchParams({ query: promql })}`
    return (await prometheus.ask<Vector>(path)).data.result
  }
  const stateOf = async () => {
    const { body } = await store.request('/prometheus/api/v1/rules?type=alert')
    return JSON.parse(body).data.groups[0]?.rules[0]?.state as string
  }

  t.equal((await pushLines(store, 'an error', 3)).status, 204)
  await until('the pending alert', async () => (await stateOf()) === 'pending')
  t.same(await alerts(), [], 'a pending alert is not sent')
  const [fired] = await until('the alert', async () => {
    const found = await alerts()
    return found.length > 0 && found
  })
  t.match(fired, {
    labels: { alertname: 'Errors', app: 'web', severity: 'page', cluster: 'c1' },
    annotations: { summary: '3 errors of web' },
    generatorURL: /^https:\/\/grafana\.example\/explore\?left=/,
    status: { state: 'active' },
  })
  await until('ALERTS', async () => (await query('ALERTS{alertstate="firing"}')).length > 0)
  t.match(await query('ALERTS_FOR_STATE'), [{ metric: { alertname: 'Errors', app: 'web' } }])
  t.match(await query('app:lines:count1m'), [
    { metric: { app: 'web', source: 'logs' }, value: { 1: '3' } },
  ])

  const silence = {
    matchers: [{ name: 'alertname', value: 'Errors', isRegex: false, isEqual: true }],
    startsAt: new Date().toISOString(),
    endsAt: new Date(Date.now() + 60_000).toISOString(),
    createdBy: 'test',
    comment: 'test',
  }
  await alertmanager.ask('/api/v2/silences', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(silence),
  })
  await until('the silence', async () => (await alerts())[0]?.status.state === 'suppressed')
  await until('the end of the alert', async () => (await alerts()).length === 0)
  t.equal(await stateOf(), 'inactive')
  await until('the end of ALERTS', async () => (await query('ALERTS')).length === 0)

  // Both servers are away while the next alert fires.
  await Promise.all([prometheus.kill(), alertmanager.kill()])
  const awayMs = Date.now()
  // Errors go on until Alertmanager is back, however long it takes to start.
  const errors = setInterval(() => void pushLines(store, 'another error', 3), 500)
  t.teardown(() => clearInterval(errors))
  await until('the second alert', async () => (await stateOf()) === 'firing')
  await sleep(1000)
  const backMs = Date.now()
  await Promise.all([prometheus.start(), alertmanager.start()])
  const again = await until('the alert after the restart', async () => {
    const found = await alerts()
    return found.length > 0 && found
  })
  clearInterval(errors)
  t.equal(again.length, 1)
  t.ok(Date.parse(again[0]!.startsAt) >= awayMs)
  const range = { query: 'app:lines:count1m[2m]' }
  const samples = await until('the samples of the time without Prometheus', async () => {
    const found = await prometheus.ask<Vector>(`/api/v1/query?${new URLSearchParams(range)}`)
    const times = found.data.result[0]?.values.map(([seconds]) => Math.round(seconds * 1000)) ?? []
    return times.some(ms => ms > backMs + 600) && times
  })
  const gaps = samples.slice(1).map((ms, i) => ms - samples[i]!)
  t.ok(
    samples.some(ms => ms > awayMs && ms < backMs),
    'samples of that time are there',
  )
  t.equal(new Set(samples).size, samples.length, 'none twice')
  t.same(
    gaps.filter(gap => gap % 500 !== 0),
    [],
    'all at the moments of the group',
  )
  t.ok(gaps.filter(gap => gap > 500).length <= gaps.length / 4, `${gaps}`)
  const { body: metrics } = await store.request('/metrics')
  t.match(metrics, /loki_prometheus_notifications_errors_total\{[^}]*\} [1-9]/)
  t.match(metrics, /loki_prometheus_notifications_dropped_total\{[^}]*\} 0\n/)
  t.match(metrics, /remote_storage_samples_failed_total\{client="prom"\} 0\n/)
})

test('alerts are neither lost nor begun again when the store is killed while it evaluates', {
  skip: skipAlertServers,
}, async t => {
  let kill = 0
  const random = () => ((kill++ * 37) % 120) / 120
  t.same(await killWhileEvaluating({ dir: t.testdir(), kills: 4, random }), [])
})

test('skald rules eval says when an alert would have fired', async t => {
  const dir = t.testdir()
  const store = await startStore(t, { dir })
  const nowMs = Date.now()
  const entries = Array.from({ length: 30 }, (_, i) => ({
    timestampNs: BigInt(nowMs - 3_600_000 + i * 10_000) * 1_000_000n,
    line: 'an error',
  }))
  await store.push([{ labels: [{ name: 'app', value: 'web' }], entries }])
  const file = join(dir, 'web.yaml')
  writeFileSync(
    file,
    rules.replace('interval: 500ms', 'interval: 1m').replace('[4s]', '[2m]') +
      '      - {alert: Never, expr: "vector(1) > 2"}\n',
  )
  const outputFile = join(dir, 'eval.log')
  const args = ['rules', 'eval', file, '--since', '2h', '--url', store.url]
  const skald = spawnSkald({ args, outputFile })
  t.same(await skald.exited, { code: 0, signal: null })
  const [head, firing, never] = skald.output().trim().split('\n')
  t.equal(head, 'web/Errors: would have fired once')
  t.match(
    firing,
    /^ {2}\d{4}-.*Z for [5-8]m \{app="web", severity="page"\} summary: \d+ errors of web$/,
  )
  const [, start = ''] = /^ {2}(\S+)/.exec(firing ?? '') ?? []
  const sinceFirstMs = Date.parse(start) - (nowMs - 3_600_000)
  t.ok(sinceFirstMs > 0 && sinceFirstMs < 180_000, start)
  t.equal(never, 'web/Never: would not have fired')
})
