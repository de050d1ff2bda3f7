// Sixty files of rules over the same lines: what Skald says of them is what Loki 3.7.6 said. Its answers are recorded in
// fixtures/rules-loki.json; with a loki on the PATH, they are asked for again (UPDATE_FACTS=1 writes them).

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { startStore } from './harness.ts'
import { needsLoki, startLoki } from './loki-process.ts'
import { rootDir } from './skald-process.ts'

const factsPath = join(rootDir, 'e2e/fixtures/rules-loki.json')

const queries = [
  'count_over_time({app="web"}[1h])',
  'sum by (app) (count_over_time({app=~"web|db"} |= "error" [1h]))',
  'sum(count_over_time({app="web"} | json | status >= 500 [1h])) by (status)',
  'sum by (level) (count_over_time({app="db"} | logfmt [1h])) > 2',
  'max_over_time({app="web"} | json | unwrap ms [1h]) by (app)',
  'absent_over_time({app="nobody"}[5m])',
  'vector(3) / 2',
  'topk(1, sum by (app) (bytes_over_time({app=~".+"}[1h])))',
  'sum(count_over_time({app="web"}[1h])) / ignoring(app) sum(count_over_time({app="db"}[1h]))',
  'label_replace(sum by (app) (count_over_time({app="web"}[1h])), "service", "$1-svc", "app", "(.*)")',
]
const labels = [
  '{severity: page}',
  '{severity: "{{ $labels.app | toUpper }}", team: a}',
  '{}',
  '{app: overwritten}',
]
const annotations = [
  '{summary: "{{ $value | humanize }} of {{ $labels.app }}"}',
  '{summary: "{{ printf \\"%.2f\\" $value }} {{ $labels.nothing }}|", more: "{{ if gt $value 2.0 }}much{{ else }}little{{ end }}"}',
  '{summary: "{{ $value | humanizePercentage }} {{ $value | humanizeDuration }}", link: "{{ $externalLabels.cluster }} {{ externalURL }}"}',
  '{summary: "{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}{{ reReplaceAll \\"e(.)\\" \\"E$1\\" \\"web\\" | title }}"}',
  '{summary: "{{ $labels.app | first }}"}',
  '{summary: "{{ humanize1024 2048 }} {{ parseDuration \\"1m\\" }} {{ \\"a:1\\" | stripPort }}"}',
]
/** Groups that fail, or that say little. */
const special = [
  '- {alert: Lines, expr: \'{app="web"}\'}',
  '- {alert: Twice, expr: \'count_over_time({app=~"web|db"}[1h])\', labels: {app: x, pod: y}}',
  '- {record: "same:series", expr: \'sum by (app) (count_over_time({app=~"web|db"}[1h]))\', labels: {app: x}}',
  '- {alert: Waits, expr: \'count_over_time({app="web"}[1h])\', for: 1h}',
  '- {alert: Never, expr: "vector(1) > 2"}',
  '- {alert: Nothing, expr: \'count_over_time({app="nobody"}[1h])\'}',
  '- {alert: Unwrap, expr: \'sum_over_time({app="db"} |= "msg=error" | logfmt | unwrap msg [1h])\'}',
  '- {record: "a:b", expr: \'sum(count_over_time({app="web"}[1h]))\', labels: {x: "1"}}',
]

/** Returns the text of each file. */
function createFiles(): string[] {
  const files = queries.flatMap((query, i) =>
    annotations.slice(0, 5).map((annotation, j) => {
      const own = labels[(i + j) % labels.length]
      return `groups:
  - name: g${i}-${j}
    interval: 1s
    rules:
      - alert: A${i}
        expr: '${query}'
        for: ${j === 1 ? '1h' : '0s'}
        labels: ${own}
        annotations: ${annotation}
      - record: r:${i}:x${j}
        expr: '${query}'
`
    }),
  )
  const limited = '    limit: 1\n'
  const others = [...special, special[1]!, special[2]!].map(
    (rule, i) =>
      `groups:\n  - name: s${i}\n    interval: 1s\n${i >= special.length ? limited : ''}    rules:\n      ${rule}\n`,
  )
  return [...files, ...others]
}

interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError: string
  readonly alerts?: readonly { readonly labels: object; readonly value: string }[]
}
interface Group {
  readonly lastEvaluation: string
  readonly name: string
  readonly file: string
  readonly rules: readonly Rule[]
}

/** Pushes the same lines to a server, all of a few minutes ago. */
async function pushLines(url: string, nowMs: number): Promise<void> {
  const at = (i: number) => String(BigInt(nowMs - 120_000 + i * 1000) * 1_000_000n)
  const streams = [
    {
      stream: { app: 'web', pod: 'web-0' },
      values: Array.from({ length: 12 }, (_, i) => [
        at(i),
        JSON.stringify({
          msg: i % 3 === 0 ? 'an error' : 'well',
          status: i % 4 === 0 ? 503 : 200,
          ms: i * 10,
        }),
      ]),
    },
    {
      stream: { app: 'db', pod: 'db-0' },
      values: Array.from({ length: 8 }, (_, i) => [
        at(i),
        `level=${i % 2 === 0 ? 'info' : 'warn'} msg=${i === 3 ? 'error' : 'slow'} ms=${i}`,
      ]),
    },
  ]
  const answer = await fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams }),
  })
  if (answer.status !== 204) throw new Error(await answer.text())
}

/** Waits until every group was evaluated after a time, and returns what does not depend on the time. */
async function readFacts(url: string, count: number, afterMs: number): Promise<object[]> {
  const startMs = performance.now()
  for (;;) {
    const answer = await fetch(`${url}/prometheus/api/v1/rules`)
    const { data } = (await answer.json()) as { data: { groups: Group[] } }
    const isOver =
      data.groups.length === count &&
      data.groups.every(({ lastEvaluation }) => Date.parse(lastEvaluation) > afterMs)
    if (isOver) return data.groups.map(factsOf)
    if (performance.now() - startMs > 60_000) throw new Error(`${data.groups.length} groups`)
    await sleep(100)
  }
}

function factsOf({ name, file, rules, lastEvaluation: _, ...group }: Group): object {
  const { interval, limit } = group as { interval?: number; limit?: number }
  return {
    ...{ name, file, interval, limit },
    rules: rules.map(rule => {
      const { lastEvaluation, evaluationTime, keepFiringFor, alerts, lastError, query, ...rest } =
        rule as Rule & Readonly<Record<string, unknown>>
      return {
        ...rest,
        // Loki writes vector(3) as vector(3.000000).
        query: String(query).replace(/\.000000\)/, ')'),
        // Loki adds where the error came through.
        lastError: lastError.replace(/^rule evaluation failed: /, '').trim(),
        ...(alerts && {
          alerts: alerts
            .map(
              ({ activeAt, ...alert }: { activeAt?: string; labels: object; value: string }) =>
                alert,
            )
            .sort((a, b) => (JSON.stringify(a.labels) < JSON.stringify(b.labels) ? -1 : 1)),
        }),
      }
    }),
  }
}

const ruler = (dir: string) => `ruler:
  storage: {type: local, local: {directory: ${dir}/rules}}
  rule_path: ${dir}/scratch
  evaluation_interval: 1s
  poll_interval: 1s
  external_url: http://grafana.example
  external_labels: {cluster: c1}
  enable_api: true
`
const files = createFiles()

function writeRules(dir: string): void {
  mkdirSync(join(dir, 'rules', 'fake'), { recursive: true })
  for (const [i, text] of files.entries())
    writeFileSync(join(dir, 'rules', 'fake', `${String(i).padStart(2, '0')}.yaml`), text)
}

test('sixty files of rules have the states, labels, texts and errors that Loki gave them', async t => {
  t.equal(files.length, 60)
  const dir = t.testdir()
  writeRules(dir)
  const store = await startStore(t, { dir, config: ruler(dir) })
  await pushLines(store.url, Date.now())
  const found = await readFacts(store.url, files.length, Date.now())
  const facts = JSON.parse(readFileSync(factsPath, 'utf8')) as object[]
  t.equal(facts.length, 60)
  for (const [i, group] of facts.entries()) t.same(found[i], group, files[i]!)
})

test('the recorded answers are those of Loki', needsLoki, async t => {
  const dir = t.testdir()
  writeRules(dir)
  const ring = '  ring: {kvstore: {store: inmemory}}\n'
  const url = await startLoki(t, dir, ruler(dir) + ring)
  await pushLines(url, Date.now())
  const found = await readFacts(url, files.length, Date.now())
  if (process.env.UPDATE_FACTS) writeFileSync(factsPath, `${JSON.stringify(found, null, 1)}\n`)
  t.same(found, JSON.parse(readFileSync(factsPath, 'utf8')))
})
