import { readdirSync } from 'node:fs'
import { test } from 'tap'
import { parse } from 'yaml'
import { startTestStore, type TestStore } from '../harness.ts'

const parseMap = (text: string) => parse(text, { mapAsMap: true }) as Map<string, unknown>

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

const yaml = 'auth_enabled: true\nruler: {evaluation_interval: 1s}'
const rule = 'name: g\nrules:\n  - alert: High\n    expr: vector(1) > 0\n'

function requests(store: TestStore) {
  return async (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { body, tenant = 't1' }: { readonly body?: string; readonly tenant?: string } = {},
  ) => {
    const answer = await store.app.inject({
      method,
      url: path,
      headers: { 'x-scope-orgid': tenant, 'content-type': 'application/yaml' },
      ...(body !== undefined && { payload: body }),
    })
    const { statusCode, headers } = answer
    return { status: statusCode, body: answer.body, type: String(headers['content-type']) }
  }
}

// The statuses and texts are what Loki 3.7.6 answered.
test('rules are made, listed, read and deleted by API', async t => {
  const store = await startTestStore(t, { yaml })
  const ask = requests(store)
  for (const base of ['/loki/api/v1/rules', '/api/prom/rules']) {
    t.match(await ask('GET', base), { status: 404, body: 'no rule groups found\n' })
    t.match(await ask('GET', `${base}/ns/g`), { status: 404, body: 'group does not exist\n' })
    const accepted = { status: 'success', data: null, errorType: '', error: '' }
    const made = await ask('POST', `${base}/ns`, { body: rule })
    t.match([made.status, JSON.parse(made.body)], [202, accepted])
    const list = await ask('GET', base)
    t.match(list, { status: 200, type: 'application/yaml' })
    t.same(parse(list.body), {
      ns: [{ name: 'g', rules: [{ alert: 'High', expr: 'vector(1) > 0' }] }],
    })
    t.equal((await ask('GET', `${base}/ns`)).body, list.body)
    t.match(await ask('GET', `${base}/other`), { status: 404 })
    t.match(parse((await ask('GET', `${base}/ns/g`)).body), { name: 'g' })
    t.equal((await ask('GET', base, { tenant: 't2' })).status, 404, 'of this tenant only')

    await ask('POST', `${base}/ns`, { body: rule.replace('High', 'Higher') })
    t.match(parse((await ask('GET', `${base}/ns/g`)).body), { rules: [{ alert: 'Higher' }] })
    t.equal((await ask('DELETE', `${base}/ns/other`)).status, 404)
    t.equal((await ask('DELETE', `${base}/ns/g`)).status, 202)
    t.match(await ask('DELETE', `${base}/ns`), {
      status: 404,
      body: 'group namespace does not exist\n',
    })
    await ask('POST', `${base}/ns`, { body: rule })
    t.equal((await ask('DELETE', `${base}/ns`)).status, 202)
    t.equal((await ask('GET', base)).status, 404)
  }
})

test('a group that cannot be used is refused with the words of Loki', async t => {
  const ask = requests(await startTestStore(t, { yaml }))
  const f = async (body: string, want: string) =>
    t.match(await ask('POST', '/loki/api/v1/rules/a', { body }), { status: 400, body: `${want}\n` })
  await f('x: [', 'unable to decoded rule group')
  await f('[]', 'unable to decoded rule group')
  await f('', 'unable to decoded rule group')
  // Loki says only that it cannot decode the group.
  await f('{name: a, interval: x, rules: []}', 'interval: not a valid duration string: "x"')
  await f('name: ""', 'group 0: Groupname must not be empty')
  await f(
    '{name: a, rules: [{alert: x, expr: "sum("}]}',
    "could not parse expression for alert 'x' in group 'a': parse error at line 1, col 5: syntax error: unexpected $end",
  )
})

test('names are data: slashes, emoji and long ones come back, and none is a path', async t => {
  const dir = t.testdir()
  const store = await startTestStore(t, { dir, yaml })
  const ask = requests(store)
  const base = '/loki/api/v1/rules'
  const names: readonly (readonly [path: string, name: string])[] = [
    ['a%2Fb', 'a/b'],
    ['c%252Fd', 'c/d'],
    ['%F0%9F%98%80', '😀'],
    ['a%20b', 'a b'],
    ['50%2525', '50%'],
    ['x'.repeat(1000), 'x'.repeat(1000)],
    [encodeURIComponent('😀'.repeat(500)), '😀'.repeat(500)],
    ["it's%3B%20DROP%20TABLE%20rule_groups", "it's; DROP TABLE rule_groups"],
    ['__proto__', '__proto__'],
  ]
  for (const [path] of names) {
    t.equal((await ask('POST', `${base}/${path}`, { body: rule })).status, 202, path)
    t.equal((await ask('GET', `${base}/${path}/g`)).status, 200)
  }
  const listed = [...parseMap((await ask('GET', base)).body).keys()]
  t.same(listed.sort(), names.map(([, name]) => name).sort())
  for (const path of ['%2e%2e', '..%2Fx', '%252e%252e%252Fx', '%2Fetc', 'a%2F..%2F..%2Fb']) {
    const { status, body } = await ask('POST', `${base}/${path}`, { body: rule })
    t.not(status, 202, path)
    if (status === 500) t.match(body, /"invalid namespace: path traversal not allowed"/)
  }
  t.equal((await ask('POST', `${base}/${'x'.repeat(1025)}`, { body: rule })).status, 500)
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' })
  t.same(
    files.filter(name => !/^(catalog|segments|lock|tails|skald)/.test(name)),
    [],
  )
  for (const [path] of names) t.equal((await ask('DELETE', `${base}/${path}`)).status, 202)
})

test('the limits of a tenant bound its rules', async t => {
  const ask = requests(
    await startTestStore(t, {
      yaml: `${yaml}\nlimits_config: {ruler_max_rules_per_rule_group: 1, ruler_max_rule_groups_per_tenant: 2}`,
    }),
  )
  const post = (name: string, count = 1) => {
    const rules = '  - {alert: A, expr: "1"}\n'.repeat(count)
    return ask('POST', '/loki/api/v1/rules/ns', { body: `name: ${name}\nrules:\n${rules}` })
  }
  t.match(await post('a', 2), {
    status: 400,
    body: 'per-user rules per rule group limit (limit: 1 actual: 2) exceeded\n',
  })
  for (const name of ['a', 'b', 'a']) t.equal((await post(name)).status, 202)
  t.match(await post('c'), {
    status: 400,
    body: 'per-user rule groups limit (limit: 2 actual: 3) exceeded\n',
  })
})

test('the state of rules has the filters and pages of Prometheus', async t => {
  const store = await startTestStore(t, { yaml: yaml.replace('1s', '100ms') })
  const ask = requests(store)
  for (const [namespace, name] of [
    ['b', 'two'],
    ['a', 'one'],
    ['a', 'three'],
  ]) {
    const rules = '  - {alert: Up, expr: "vector(2)"}\n  - {record: "a:b", expr: "vector(1)"}\n'
    const body = `name: ${name}\nlimit: 7\nrules:\n${rules}`
    await ask('POST', `/loki/api/v1/rules/${namespace}`, { body })
  }
  interface Found {
    readonly data: {
      readonly groups: {
        name: string
        file: string
        rules: { name: string; alerts?: object[]; state?: string; health: string }[]
      }[]
      readonly groupNextToken?: string
    }
  }
  const get = async (query: string) =>
    JSON.parse((await ask('GET', `/prometheus/api/v1/rules?${query}`)).body) as Found
  const names = async (query: string) =>
    (await get(query)).data.groups.map(({ name, file, rules }) =>
      [file, name, ...rules.map(({ name: own }) => own)].join(' '),
    )
  while ((await get('')).data.groups.some(({ rules }) => rules.some(r => r.health !== 'ok')))
    await new Promise(done => setTimeout(done, 20))
  const all = ['a one Up a:b', 'a three Up a:b', 'b two Up a:b']
  t.same(await names(''), all)
  t.same(await names('type=alert'), ['a one Up', 'a three Up', 'b two Up'])
  t.same(await names('type=record&file=b'), ['b two a:b'])
  t.same(await names('file[]=a&rule_group[]=three'), ['a three Up a:b'])
  t.same(await names('rule_name[]=Up&rule_group=one'), ['a one Up'])
  t.same(await names('rule_name=none'), [])
  const [first] = (await get('exclude_alerts=true')).data.groups
  t.match(first?.rules, [{ state: 'firing', alerts: [] }, {}])
  const page = await get('group_limit=2')
  t.equal(page.data.groups.length, 2)
  t.same(await names(`group_limit=2&group_next_token=${page.data.groupNextToken}`), [all[2]])
  for (const [query, error] of [
    ['type=foo', 'not supported value "foo"'],
    ['group_limit=0', 'group_limit needs to be greater than 0'],
    ['group_limit=x', 'group_limit needs to be a valid number'],
    ['group_next_token=x', 'group_limit needs to be present in order to paginate over the groups'],
  ] as const) {
    const answer = await ask('GET', `/prometheus/api/v1/rules?${query}`)
    t.match([answer.status, JSON.parse(answer.body)], [400, { errorType: 'bad_data', error }])
  }
  const alerts = JSON.parse((await ask('GET', '/prometheus/api/v1/alerts')).body)
  t.equal(alerts.data.alerts.length, 3)
  t.match(alerts.data.alerts[0], {
    labels: { alertname: 'Up' },
    annotations: {},
    state: 'firing',
    activeAt: /^\d{4}-/,
    value: '2e+00',
  })
  const other = await ask('GET', '/prometheus/api/v1/alerts', { tenant: 't2' })
  t.same(JSON.parse(other.body).data.alerts, [])
})
