// What two tenants answer together is what one tenant answers that has all their lines, with a stored label that says
// whose each is. The label has another name there, because the tenant's label cannot be asked for in a pipeline.

import fc from 'fast-check'
import { test } from 'tap'
import { jsonStream, midnightNs, type Row, startTestStore } from '../harness.ts'

const yaml = `auth_enabled: true
querier: {multi_tenant_queries_enabled: true}
limits_config: {discover_service_name: [], discover_log_levels: false}
`
const seconds = 240
const names = ['a', 'b', 'c'] as const
const apps = ['x', 'y'] as const

/** Lines at different times, so that no two streams compete for a place within a limit. */
function rowsOf(owner: number, app: number): Row[] {
  return Array.from({ length: 40 }, (_, i): Row => {
    const atNs = midnightNs + BigInt(i * 6 + owner * 2 + app) * 1_000_000_000n + BigInt(owner)
    const value = (i * 7 + owner * 3 + app) % 11
    const line = `{"v":${value},"path":"/p${i % 3}"}`
    return i % 4 === 0 ? [atNs, line, { trace: `t${i % 8}` }] : [atNs, line]
  })
}

const whole = 'whole'
/** In the place of the label's name. */
const label = 'LABEL'

const op = fc.constantFrom('=', '!=', '=~', '!~')
const value = fc.constantFrom('a', 'b', 'a|c', '.+', '.*', 'nobody')
const onOwner = fc.tuple(op, value).map(([is, text]) => `, ${label}${is}"${text}"`)
const selector = fc
  .tuple(
    fc.constantFrom('app=~".+"', 'app="x"', 'app!="x", app=~".+"'),
    fc.oneof(fc.constant(''), onOwner),
  )
  .map(([app, owner]) => `{${app}${owner}}`)
const stages = fc.constantFrom(
  ...['', ' |= "1"', ' | json', ' | json | v > 4', ' | trace="t4"', ' | json | drop pod, path'],
  ...[' | json | line_format "{{.path}}"', ` | json | keep app, v, ${label}`],
)
const log = fc.tuple(selector, stages).map(([streams, pipeline]) => `${streams}${pipeline}`)
const grouping = fc.constantFrom(
  ...['', `by (${label})`, `by (app, ${label})`, 'by (app)', 'by (path)'],
  ...[`without (${label}, pod)`, 'without (app, pod, v)'],
)
const counted = fc
  .tuple(fc.constantFrom('count_over_time', 'rate', 'bytes_over_time', 'absent_over_time'), log)
  .map(([call, lines]) => `${call}(${lines} [1m])`)
const unwrapped = fc
  .tuple(
    fc.constantFrom('max_over_time', 'avg_over_time', 'min_over_time', 'first_over_time'),
    ...[selector, fc.constantFrom('', `by (${label})`, 'by (app)', `without (${label}, path, v)`)],
  )
  .map(([call, streams, by]) => `${call}(${streams} | json | unwrap v [1m] offset 1s) ${by}`)
const vector = fc
  .tuple(fc.constantFrom('sum', 'max', 'count', 'avg'), grouping, fc.oneof(counted, unwrapped))
  .map(([call, by, range]) => `${call} ${by} (${range})`)
const ratio = fc.tuple(counted, counted).map(([up, down]) => `sum(${up}) / sum(${down})`)
const metric = fc.oneof(counted, unwrapped, vector, ratio)

test('two tenants answer like one that has the lines of both', async t => {
  const store = await startTestStore(t, { yaml })
  const pushes = names.flatMap((name, owner) =>
    apps.flatMap((app, i) => {
      const rows = rowsOf(owner, i)
      const pod = `p${owner % 2}`
      return [
        store.push([jsonStream({ app, pod }, rows)], name),
        store.push([jsonStream({ app, pod, owner: name }, rows)], whole),
      ]
    }),
  )
  for (const { statusCode } of await Promise.all(pushes)) t.equal(statusCode, 204)
  const asWhole = (text: string) => text.replaceAll(label, 'owner')
  const asJoined = (text: string) => text.replaceAll(label, '__tenant_id__')
  const end = midnightNs + BigInt(seconds) * 1_000_000_000n
  const ask = async (path: string, tenant: string, params: Record<string, string>) => {
    const range = { start: String(midnightNs), end: String(end) }
    const answer = await store.get(`/loki/api/v1/${path}`, { ...range, ...params }, tenant)
    if (answer.statusCode !== 200) throw new Error(answer.body)
    const { data } = answer.json<{ data: { result: Result[] } }>()
    return JSON.stringify(sorted(data.result))
  }
  const isSame = async (path: string, query: string, more: Record<string, string>) => {
    const found = await ask(path, names.join('|'), { ...more, query: asJoined(query) })
    const wanted = await ask(path, whole, { ...more, query: asWhole(query) })
    if (found !== wanted) t.equal(found, wanted, asJoined(query))
    return found === wanted
  }
  const run = { seed: 21, numRuns: 50 }
  const limit = fc.constantFrom('1', '7', '1000')
  const direction = fc.constantFrom('forward', 'backward')
  await fc.assert(
    fc.asyncProperty(log, limit, direction, (query, most, way) =>
      isSame('query_range', query, { limit: most, direction: way }),
    ),
    run,
  )
  await fc.assert(
    fc.asyncProperty(metric, query => isSame('query_range', query, { step: '20' })),
    run,
  )
  await fc.assert(
    fc.asyncProperty(selector, fc.constantFrom('app', label, `app,${label}`), (query, targets) => {
      const more = { step: '60', targetLabels: '' }
      const asked = (change: (text: string) => string, tenant: string) =>
        ask('index/volume_range', tenant, {
          ...more,
          query: change(query),
          targetLabels: change(targets),
        })
      return Promise.all([asked(asJoined, names.join('|')), asked(asWhole, whole)]).then(
        ([found, wanted]) => found === wanted,
      )
    }),
    { ...run, numRuns: 15 },
  )
  t.pass(`${2 * run.numRuns + 15} queries`)
})

interface Result {
  readonly stream?: Readonly<Record<string, string>>
  readonly metric?: Readonly<Record<string, string>>
  readonly values?: readonly unknown[]
}

/** Sorts labels and series, with one name for the label. */
function sorted(result: readonly Result[]): string[] {
  return result
    .map(({ stream, metric: own, ...rest }) => {
      const labels = Object.entries(stream ?? own ?? {}).map(([name, text]) => {
        const isOwner = name === 'owner' || name === '__tenant_id__'
        return `${isOwner ? label : name}=${text}`
      })
      return `${labels.sort().join()} ${JSON.stringify(rest)}`
    })
    .sort()
}
