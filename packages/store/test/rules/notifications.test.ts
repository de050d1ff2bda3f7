import { readParsedRules } from '@skald/config-reading/relabel'
import { createLabelSet } from '@skald/wire'
import { Registry } from 'prom-client'
import { test } from 'tap'
import type { WebhookConfig } from '../../src/ruler-config.ts'
import { Alertmanager } from '../../src/rules/alertmanager.ts'
import { linkOf, type Notice } from '../../src/rules/notice.ts'
import { createRulerMetrics } from '../../src/rules/ruler-metrics.ts'
import { Webhook } from '../../src/rules/webhook.ts'
import { openAccess, startReceiver } from './receiver.ts'

const notice = (app: string, more: Partial<Notice> = {}): Notice => ({
  tenant: 't1',
  labels: createLabelSet({ alertname: 'High', app }),
  annotations: createLabelSet({ summary: `<${app}> is high` }),
  state: 'firing',
  startsMs: 1_700_000_000_000,
  endsMs: 1_700_000_240_000,
  value: 3,
  link: 'https://grafana.example/explore',
  ...more,
})

test('an Alertmanager gets alerts in the form of its API, again after a failure', async t => {
  const receiver = await startReceiver(t, i => (i === 0 ? 500 : 200))
  const registry = new Registry()
  const logged: string[] = []
  const server = new Alertmanager({
    server: {
      url: `${receiver.url}/am`,
      access: { ...openAccess, basicAuth: { username: 'u', password: { text: 'p' } } },
    },
    capacity: 2,
    timeoutMs: 1000,
    relabelRules: readParsedRules(
      [
        { source_labels: ['app'], regex: 'quiet', action: 'drop' },
        { source_labels: ['app'], target_label: 'service' },
      ],
      message => t.fail(message),
    ),
    tenant: 't1',
    metrics: createRulerMetrics(registry, true),
    log: message => logged.push(message),
  })
  t.teardown(() => server.close())
  server.send([notice('a'), notice('quiet')])
  await receiver.waitFor(1)
  // Three alerts and room for two; a newer word about b takes the place of the older.
  server.send([notice('b'), notice('c'), notice('b', { state: 'resolved', endsMs: 5 })])
  await receiver.waitFor(2)
  const [first, second] = receiver.received
  t.match(first, {
    path: '/am/api/v2/alerts',
    headers: { 'x-scope-orgid': 't1', authorization: 'Basic dTpw' },
  })
  t.same(JSON.parse(String(first!.body)), [
    {
      labels: { alertname: 'High', app: 'a', service: 'a' },
      annotations: { summary: '<a> is high' },
      startsAt: '2023-11-14T22:13:20.000Z',
      endsAt: '2023-11-14T22:17:20.000Z',
      generatorURL: 'https://grafana.example/explore',
    },
  ])
  t.match(JSON.parse(String(second!.body)), [
    { labels: { app: 'c' } },
    { labels: { app: 'b' }, endsAt: '1970-01-01T00:00:00.005Z' },
  ])
  await server.close()
  const value = async (name: string) =>
    (await registry.getSingleMetric(`loki_prometheus_notifications_${name}`)!.get()).values[0]
      ?.value
  t.equal(await value('errors_total'), 1)
  t.equal(await value('dropped_total'), 1)
  t.match(logged, [/the Alertmanager at .* takes no alerts: 500 told/])
})

test('a Slack webhook gets a message, each alert once', async t => {
  const receiver = await startReceiver(t, i => (i === 0 ? 500 : 200))
  const hook = new Webhook(
    {
      ...{ name: 'chat', kind: 'slack', url: { text: receiver.url }, access: openAccess },
      ...{ headers: new Map(), sendsResolved: true, timeoutMs: 1000 },
    },
    ['127.0.0.1'],
  )
  t.teardown(() => hook.close())
  const { signal } = new AbortController()
  t.equal((await hook.send('ns/g', [notice('a')], signal))?.status, 500)
  t.notOk(hook.knows(notice('a')))
  t.equal((await hook.send('ns/g', [notice('a'), notice('b')], signal))?.status, 200)
  t.equal(await hook.send('ns/g', [notice('a')], signal), undefined, 'it knows that one')
  await hook.send('ns/g', [notice('a', { state: 'resolved' })], signal)
  const [, message, end] = receiver.received.map(({ body }) => JSON.parse(String(body)))
  t.equal(message.text, '[2 firing] ns/g')
  t.match(message.attachments[0], {
    color: 'danger',
    title: 'Firing: &lt;a&gt; is high',
    title_link: 'https://grafana.example/explore',
    text: 'app: a',
  })
  t.match(end, { text: '[1 resolved] ns/g', attachments: [{ color: 'good' }] })
})

test('a generic webhook gets the form of Alertmanager, and no host that is not allowed is asked', async t => {
  const receiver = await startReceiver(t)
  const config: WebhookConfig = {
    ...{ name: 'x', kind: 'generic' as const, url: { text: receiver.url }, access: openAccess },
    ...{ headers: new Map([['x-a', 'b']]), sendsResolved: true, timeoutMs: 1000 },
  }
  const { signal } = new AbortController()
  const hook = new Webhook(config, ['127.0.0.1'])
  await hook.send('ns/g', [notice('a')], signal)
  t.equal(receiver.received[0]!.headers['x-a'], 'b')
  t.match(JSON.parse(String(receiver.received[0]!.body)), {
    version: '4',
    status: 'firing',
    alerts: [{ status: 'firing', labels: { app: 'a' }, value: 3, endsAt: '0001-01-01T00:00:00Z' }],
  })
  const other = new Webhook(config, ['*.example'])
  t.match(await other.send('ns/g', [notice('a')], signal), {
    status: -1,
    text: 'the host 127.0.0.1 is not in ruler.webhook_hosts',
  })
  t.equal(receiver.received.length, 1)
  hook.close()
  other.close()
})

test('the link of an alert is that of Loki', async t => {
  const link = linkOf('sum(rate({a="b"}[1m])) > 1', {
    externalUrl: 'https://g',
    datasourceUid: 'uid',
  })
  t.equal(
    link,
    'https://g/explore?left=%7B%22queries%22%3A%5B%7B%22expr%22%3A%22sum%28rate%28%7Ba%3D%5C%22b%5C%22%7D%5B1m%5D%29%29+%5Cu003e+1%22%2C%22queryType%22%3A%22range%22%2C%22datasource%22%3A%7B%22type%22%3A%22loki%22%2C%22uid%22%3A%22uid%22%7D%7D%5D%7D',
  )
})
