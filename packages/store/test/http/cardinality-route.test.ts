import { test } from 'tap'
import { jsonStream, midnightNs, startTestStore, type TestStore } from '../harness.ts'

const pushPods = (store: TestStore, ...pods: readonly string[]) =>
  store.push(pods.map(pod => jsonStream({ app: 'x', pod_id: pod }, [[midnightNs, `of ${pod}`]])))

async function ask(store: TestStore, query: string, path = 'query_range') {
  const answer = await store.get(`/loki/api/v1/${path}`, {
    query,
    start: String(midnightNs),
    end: String(midnightNs + 3_600_000_000_000n),
  })
  return answer.json<{ warnings?: string[]; data: { result: unknown[] } }>()
}

test('a demoted label is structured metadata, and a query that matches it says how to ask', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {demote_labels: [pod_id]}',
  })
  t.equal((await pushPods(store, '1', '2')).statusCode, 204)
  t.same(await store.lines('{app="x"} | pod_id="1"'), ['of 1'])
  const series = (
    await store.get('/loki/api/v1/series', {
      start: String(midnightNs),
      end: String(midnightNs + 1n),
    })
  ).json<{ data: unknown[] }>()
  t.same(series.data, [{ app: 'x', service_name: 'x' }], 'both are one stream')

  const { data, warnings } = await ask(store, '{app="x", pod_id="1"} |= "of"')
  t.same(data.result, [])
  t.match(warnings, [
    /^pod_id is kept as structured metadata, .* ask for it behind the selector: \{app="x"\} \| pod_id="1" \|= "of"$/,
  ])
  t.match((await ask(store, 'count_over_time({pod_id=~"1|2"}[1h])')).warnings, [
    /count_over_time\(\{service_name=~"\.\+"\} \| pod_id=~"1\|2" ?\[1h\]\)$/,
  ])
  t.equal((await ask(store, '{app="x"} | pod_id="1"')).warnings, undefined)
})

test('metadata that clients push stays beside demoted labels', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {demote_labels: [pod_id]}',
  })
  await store.push([
    {
      stream: { app: 'x', pod_id: '1' },
      values: [
        [String(midnightNs), 'first', { trace: 'a' }],
        [String(midnightNs + 1n), 'second'],
      ],
    },
  ])
  t.same(await store.lines('{app="x"} | pod_id="1"'), ['first', 'second'])
  t.same(await store.lines('{app="x"} | trace="a" | pod_id="1"'), ['first'])
})

test('a label with more values than demote_labels_above is demoted from then on', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {demote_labels_above: 2}',
  })
  await pushPods(store, '1')
  await pushPods(store, '2')
  await pushPods(store, '3')
  await pushPods(store, '4')
  t.same(await store.lines('{pod_id=~"1|2"}'), ['of 1', 'of 2'])
  t.same(await store.lines('{app="x"} | pod_id="4"'), ['of 4'])
  const counted = (await store.get('/skald/labels')).json<{
    data: { label: string; isDemoted: boolean }[]
  }>()
  t.match(counted.data[0], { label: 'pod_id', values: 4, isDemoted: true })
  t.match((await ask(store, '{pod_id="4"}')).warnings, [/^pod_id is kept/])
})

test('the labels of one tenant are not told to another', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  await store.push([jsonStream({ app: 'x' }, [[midnightNs, 'a']])], 'a')
  const of = async (tenant: string) =>
    (await store.get('/skald/labels', {}, tenant)).json<{ data: { label: string }[] }>().data
  t.same((await of('a')).map(({ label }) => label).sort(), ['app', 'service_name'])
  t.same(await of('b'), [])
})
