// Rules on replicas: made at one, known at all, evaluated by one at a time. Those that evaluate are killed, stopped and
// woken, and PostgreSQL is restarted; alerts go on as they were, and nobody is told twice. Starts and takeovers cost the
// most, so the test is one long story.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { type Received, startReceiver } from '../packages/store/test/rules/receiver.ts'
import { samplesIn } from '../packages/store/test/rules/written-samples.ts'
import { createPostgres, noPostgres, type PostgresServer } from '../test/postgres-server.ts'
import type { TestStore } from './harness.ts'
import { until } from './replica-lines.ts'
import { startReplicas } from './replicas.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

root.setTimeout(240_000)

const skip = noBucket || noPostgres
const intervalMs = 500

/** Groups in files. Their leases are those of other groups too, so both replicas have some. */
const files = Array.from(
  { length: 8 },
  (_, i) => `  - name: file-${i}
    rules:
      - {record: "lines:file${i}", expr: 'sum(count_over_time({app="web"}[1h]))'}
`,
)

const shop = `name: shop
rules:
  - alert: Errors
    expr: sum by (app) (count_over_time({app=~"web|late"} |= "error" [1h])) > 1
    for: 1s
    labels: {severity: page}
    annotations: {summary: '{{ $value }} errors'}
  - {record: "app:lines", expr: 'sum by (app) (count_over_time({app="web"}[1h]))'}
`

interface RuleAnswer {
  readonly name: string
  readonly health: string
  readonly lastEvaluation: string
  readonly alerts?: readonly { readonly state: string; readonly activeAt: string }[]
}

interface ToldAlert {
  readonly status?: string
  readonly labels: Readonly<Record<string, string>>
  readonly startsAt: string
}

async function pushErrors(store: TestStore, app: string): Promise<void> {
  const timestampNs = BigInt(Date.now()) * 1_000_000n
  const entries = [0n, 1n, 2n].map(i => ({
    ...{ timestampNs: timestampNs + i, line: `an error ${i}`, structuredMetadata: [] },
  }))
  await store.push([{ labels: createLabelSet({ app }), entries }])
}

/** Lets the clock of PostgreSQL, the only one that counts, jump for one process. */
async function passTimeOf(postgres: PostgresServer, epoch: string): Promise<void> {
  const past = "now() - interval '1 minute'"
  await postgres.sql(`UPDATE skald.leases SET expires = ${past} WHERE epoch = ${epoch};
    UPDATE skald.replicas SET seen = ${past} WHERE epoch = ${epoch}`)
}

test('rules on two replicas', { skip }, async t => {
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const receiver = await startReceiver(t)
  mkdirSync(join(dir, 'rules', 'fake'), { recursive: true })
  writeFileSync(join(dir, 'rules', 'fake', 'all.yaml'), `groups:\n${files.join('')}`)
  const config = `ruler:
  storage: {type: local, local: {directory: ${join(dir, 'rules')}}}
  evaluation_interval: ${intervalMs}ms
  resend_delay: 1s
  alertmanager_url: ${receiver.url}/alertmanager
  webhook_hosts: [127.0.0.1]
  webhooks:
    - {name: one, type: generic, url: "${receiver.url}/one"}
    - {name: two, type: generic, url: "${receiver.url}/two"}
  remote_write:
    enabled: true
    clients: {prom: {url: "${receiver.url}/write", queue_config: {max_backoff: 300ms}}}
`
  const replicas = await startReplicas(t, { dir, bucket, postgres, count: 2, config })
  const [first, second] = replicas as [TestStore, TestStore]

  const askRules = async (store: TestStore, group = 'shop'): Promise<readonly RuleAnswer[]> => {
    const { status, body } = await store.request(`/prometheus/api/v1/rules?rule_group=${group}`)
    return status === 200 ? (JSON.parse(body).data.groups[0]?.rules ?? []) : []
  }
  const alertsAt = async (store: TestStore) => (await askRules(store))[0]?.alerts ?? []
  const isFiring = async (store: TestStore, count = 1) => {
    const found = await alertsAt(store)
    return found.length === count && found.every(({ state }) => state === 'firing')
  }
  const requests = (path: string): Received[] =>
    receiver.received.filter(one => one.path.startsWith(path))
  const toldBy = (hook: string): string[] =>
    requests(`/${hook}`).flatMap(({ body }) => {
      const { alerts } = JSON.parse(String(body)) as { alerts: readonly ToldAlert[] }
      return alerts.map(({ labels, status }) => `${labels.app} ${status}`)
    })
  const samples = () => requests('/write').flatMap(({ body }) => samplesIn(body))
  /** Returns the replicas that have evaluated a group last, by their metrics. */
  const evaluators = async (group: string): Promise<TestStore[]> => {
    const found: TestStore[] = []
    for (const store of replicas) {
      const { body } = await store.request('/metrics').catch(() => ({ body: '' }))
      const name = 'loki_prometheus_rule_group_last_evaluation_timestamp_seconds'
      if (body.split('\n').some(line => line.startsWith(name) && line.includes(group)))
        found.push(store)
    }
    return found
  }
  const epochOf = async (group: string) =>
    postgres.sql(`SELECT l.epoch FROM skald.rule_states AS s
      JOIN skald.leases AS l ON l.kind = s.lease WHERE s.report LIKE '%${group}%'`)
  const evaluatedAt = async (store: TestStore) => (await askRules(store))[0]?.lastEvaluation ?? ''
  /** Waits for some evaluations after now. */
  const evaluations = async (store: TestStore) => {
    const after = new Date(Date.now() + 2 * intervalMs).toISOString()
    await until('evaluations', async () => (await evaluatedAt(store)) > after)
  }

  t.comment('what is made at one replica, all know at once')
  const post = await first.request('/loki/api/v1/rules/team', {
    method: 'POST',
    headers: { 'content-type': 'application/yaml' },
    body: shop,
  })
  t.equal(post.status, 202, post.body)
  for (const store of replicas) {
    const { body } = await store.request('/loki/api/v1/rules/team/shop')
    t.match(body, /alert: Errors/)
  }
  await pushErrors(first, 'web')
  await until('the alert fires', () => isFiring(second))
  const activeAt = (await alertsAt(second))[0]!.activeAt
  await until('both say the same of everything', async () => {
    const asked = replicas.map(store => store.request('/prometheus/api/v1/rules'))
    const [one, other] = await Promise.all(asked)
    return one!.body === other!.body && !/"health":"(err|unknown)"/.test(one!.body)
  })
  const shown = await Promise.all(replicas.map(store => store.request('/prometheus/api/v1/alerts')))
  for (const { body } of shown) t.match(body, /"state":"firing","activeAt"/)
  await until('both webhooks are told', () =>
    ['one', 'two'].every(hook => toldBy(hook).length === 1),
  )

  t.comment('each group has one replica, and both have work')
  const leasesOf = () =>
    postgres.sql(`SELECT string_agg(n::text, ' ') FROM (
      SELECT count(*) AS n FROM skald.leases WHERE kind LIKE 'rules/%' GROUP BY epoch) AS counted`)
  await until('they share', async () => (await leasesOf()) === '16 16')
  await until('a group is at one of them', async () => (await evaluators('team;shop')).length === 1)
  await until('so are all others', async () => {
    const found = await Promise.all(files.map((_, i) => evaluators(`all.yaml;file-${i}`)))
    return found.every(({ length }) => length === 1) && new Set(found.flat()).size === 2
  })

  t.comment('one is killed')
  const [killed] = (await evaluators('team;shop')) as [TestStore]
  const [other] = replicas.filter(store => store !== killed) as [TestStore]
  const epoch = await epochOf('Errors')
  await killed.kill()
  await passTimeOf(postgres, epoch)
  await until('the other one goes on', async () => (await evaluators('team;shop')).includes(other))
  await evaluations(other)
  t.match(await alertsAt(other), [{ state: 'firing', activeAt }], 'the alert is as it was')
  await killed.start()
  await until('they share again', async () => (await leasesOf()) === '16 16')

  t.comment('one is stopped, and wakes up when the other one has its work')
  const [zombie] = (await evaluators('team;shop')) as [TestStore]
  const [awake] = replicas.filter(store => store !== zombie) as [TestStore]
  const epochOfZombie = await epochOf('Errors')
  process.kill(zombie.pid, 'SIGSTOP')
  await passTimeOf(postgres, epochOfZombie)
  await until('the other one has it', async () => (await epochOf('Errors')) !== epochOfZombie)
  await pushErrors(awake, 'late')
  await until('another alert is there', async () => (await alertsAt(awake)).length === 2)
  process.kill(zombie.pid, 'SIGCONT')
  await until('it fires', () => isFiring(zombie, 2))
  await evaluations(zombie)
  t.match(
    (await alertsAt(zombie)).map(({ activeAt: at }) => at === activeAt),
    [true, false],
  )

  t.comment('PostgreSQL is restarted')
  await postgres.stop({ isImmediate: true })
  const refused = await awake.request('/loki/api/v1/rules/team/shop', { method: 'DELETE' })
  t.equal(refused.status, 503)
  await postgres.start()
  await evaluations(awake)
  await until('the alerts are there', () => isFiring(zombie, 2))
  t.match((await alertsAt(awake))[0], { activeAt })

  t.comment('one stops, and leaves its work at once')
  const [leaving] = (await evaluators('team;shop')) as [TestStore]
  const [staying] = replicas.filter(store => store !== leaving) as [TestStore]
  await leaving.stop()
  await until('the other one has it', async () => (await evaluators('team;shop')).includes(staying))
  await evaluations(staying)
  t.match((await alertsAt(staying))[0], { state: 'firing', activeAt })

  t.comment('what was told, and what was written')
  for (const hook of ['one', 'two']) t.same(toldBy(hook), ['web firing', 'late firing'])
  const sent = requests('/alertmanager').flatMap(
    ({ body }) => JSON.parse(String(body)) as ToldAlert[],
  )
  const starts = new Set(sent.map(({ labels, startsAt }) => `${labels.app} ${startsAt}`))
  t.equal(starts.size, 2, 'no alert began again')
  const lines = samples().filter(text => text.includes('=app:lines'))
  const times = lines.map(text => Number(text.split(' ').at(-2)))
  t.ok(times.length > 20, `${times.length} samples`)
  t.equal(new Set(times).size, times.length, 'none is there twice')
  t.same(
    times,
    times.toSorted((a, b) => a - b),
    'in order',
  )
  t.notOk(
    lines.some(text => text.endsWith('stale')),
    'no series has ended',
  )
  t.equal(new Set(times.map(ms => ms % intervalMs)).size, 1, 'all at the moments of the group')

  t.comment('a group that is removed is gone everywhere')
  const gone = await staying.request('/loki/api/v1/rules/team/shop', { method: 'DELETE' })
  t.equal(gone.status, 202)
  await leaving.start()
  t.same(await askRules(leaving), [])
  const left = () =>
    postgres.sql(
      'SELECT (SELECT count(*) FROM skald.rule_alerts) || $$ $$ || count(*) FROM skald.rule_states',
    )
  await until('its state too', async () => (await left()) === `0 ${files.length}`)
  await until('its series have ended', () =>
    samples().some(text => text.includes('=app:lines') && text.endsWith('stale')),
  )
})
