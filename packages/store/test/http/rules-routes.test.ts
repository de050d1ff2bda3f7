import { test } from 'tap'
import { startTestStore } from '../harness.ts'

test('a store without rules reports that', async t => {
  const store = await startTestStore(t)
  for (const base of ['/loki/api/v1/rules', '/api/prom/rules']) {
    for (const url of [base, `${base}/some%20namespace`]) {
      const { statusCode, body, headers } = await store.get(url)
      t.same([statusCode, body], [404, 'no rule groups found\n'], url)
      t.equal(headers['content-type'], 'text/plain; charset=utf-8')
    }
    // Grafana's request to find out whether rules can be written.
    const { statusCode, body } = await store.get(`${base}/test/test`)
    t.same([statusCode, body], [404, '404 page not found\n'])
    const { statusCode: written } = await store.app.inject({ method: 'POST', url: `${base}/a` })
    t.equal(written, 405)
  }
  const rules = await store.get('/prometheus/api/v1/rules', { type: 'alert' })
  t.match(rules.headers['content-type'], /json/)
  t.same(rules.json(), { status: 'success', data: { groups: [] }, errorType: '', error: '' })
  const alerts = await store.get('/prometheus/api/v1/alerts')
  t.same(alerts.json(), { status: 'success', data: { alerts: [] }, errorType: '', error: '' })
})

test('rules require a tenant', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  for (const url of ['/prometheus/api/v1/rules', '/prometheus/api/v1/alerts', '/api/prom/rules']) {
    const { statusCode, body } = await store.get(url)
    t.same([statusCode, body], [401, 'no org id'], url)
  }
  t.equal((await store.get('/prometheus/api/v1/rules', {}, 'a')).statusCode, 200)
})
