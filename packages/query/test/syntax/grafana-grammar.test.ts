// Grafana's editor, its query builder and Logs Drilldown read LogQL with a grammar of their own: what is a
// query to them is one to us, and of the same kind. Row 95 of docs/clients.md.

import { readdirSync, readFileSync } from 'node:fs'
import { parser } from '@grafana/lezer-logql'
import { test } from 'tap'
import { parseLogql } from '../../src/index.ts'

type Verdict = 'log' | 'metric' | 'invalid'

/** What Grafana takes a query for. */
function verdictOfGrafana(query: string): Verdict {
  let isValid = true
  let isMetric = false
  parser.parse(query).iterate({
    enter: ({ type }) => {
      if (type.id === 0) isValid = false
      if (type.name === 'MetricExpr') isMetric = true
    },
  })
  return isValid ? (isMetric ? 'metric' : 'log') : 'invalid'
}

function verdictOfOurs(query: string): Verdict {
  try {
    return parseLogql(query).kind === 'log' ? 'log' : 'metric'
  } catch {
    return 'invalid'
  }
}

/** Queries of the scripts; `fail` ones may fail for what they find, so they are left out. */
const scripts = new URL('../scripts/', import.meta.url)
const scripted = readdirSync(scripts)
  .filter(name => name.endsWith('.test'))
  .flatMap(name => readFileSync(new URL(name, scripts), 'utf8').split('\n'))
  .flatMap(
    line =>
      /^eval (?:logs|(?:newest|oldest) \d+|at \S+|range \S+ \S+ \S+) (.*)$/.exec(line)?.[1] ?? [],
  )

/** Queries that Loki takes, and so do we, where Grafana's grammar sees a mistake. */
const mistakesToGrafana: ReadonlySet<string> = new Set([
  // Label filters with nothing but a space between them.
  '{app="web"} | logfmt | level="error" code="500" | keep code',
  // An unwrap with an offset.
  'sum_over_time({app="a"} | logfmt | keep app, v | unwrap v [30s] offset 30s)',
])

/** What the app and the editor write, their variables replaced as they do it. */
const generated: readonly string[] = [
  'vector(1)+vector(1)',
  'sum by (detected_level) (count_over_time({ service_name="x" } [1m]))',
  '{service_name=`x` } | detected_level=`info` or detected_level=`` ',
  '{service_name="x", ns=~"a|b"} | detected_level="error" | trace_id="t" !> "p1" |> "p2" or "p3" |~ "(?i)text" | json | logfmt | drop __error__, __error_details__ | field="v" or field="w"',
  'sum(count_over_time({service_name="x"} | json [3600s]))',
  'sum(count_over_time({service_name="x"}   |= "a"   [1m])) by (detected_level)',
  'sum(count_over_time({service_name="x", pod != ""}    [1m])) by (pod)',
  'sum by (f) (count_over_time({service_name="x"} | json | logfmt | drop __error__, __error_details__ | f!="" [1m]))',
  'avg_over_time({service_name="x"} | json | logfmt | drop __error__, __error_details__ | f!="" | unwrap duration(f) | __error__="" [1m]) by ()',
  'avg_over_time({service_name="x"} | unwrap bytes(f) | __error__="" [1m]) by ()',
  'avg_over_time({service_name="x"} | unwrap f | __error__="" [1m]) by ()',
  '{service_name="x"} | json f="[\\"a\\"][\\"b\\"]", g="[\\"c\\"]"| json | logfmt | drop __error__ | line_format "{{.a_b}}"',
  '{service_name="x"} | json | f>5 | g<=10ms | h >= 1KB',
  '{service_name="x"} |> `a <_>` | pattern `a <field_1>` | keep field_1 | line_format ""',
  'sum by (f) (count_over_time({service_name="x"} | keep f [3600s]))',
  'sum by (level, detected_level) (count_over_time({app="x"} | drop __error__[1m]))',
  '{app="x"} |= "x" or "y" |~ "(?i)t" != "z"',
  '{app="x"} | decolorize | unpack | label_format a=b, c="{{.d}}"',
  '{app="x"} | logfmt --strict --keep-empty | addr = ip("10.0.0.0/8")',
  '{app="x"} |= ip("10.0.0.1")',
  'rate({app="x"}[5m] offset 1h)',
  'sum(rate({app="x"}[5m])) / on(a) group_left(b) sum(rate({app="y"}[5m]))',
  'label_replace(rate({app="x"}[5m]), "a", "$1", "b", "(.*)")',
  'sort_desc(topk(5, sum by (a) (rate({app="x"}[5m]))))',
  'quantile_over_time(0.99, {app="x"} | json | unwrap f [5m]) by (a)',
  'approx_topk(3, sum by (a) (rate({app="x"}[5m])))',
  'absent_over_time({app="x"}[5m])',
  'first_over_time({app="x"} | unwrap f [5m])',
  'count_over_time({app="x"}[1m]) > bool 2 and rate({app="x"}[1m]) unless vector(0)',
  '# a comment\n{app="x"} # another',
]

const broken: readonly string[] = [
  '{app=}',
  '{app="x"',
  '{app="x"} |',
  '{app="x"} | json |',
  '{app="x"} |= ',
  'rate({app="x"})',
  'rate({app="x"}[5m]',
  'sum by app (rate({app="x"}[5m]))',
  'sum(rate({app="x"}[5m])) by',
  '{app="x"} | distinct app',
  'variants(count_over_time({app="x"}[1m])) of ({app="x"}[1m])',
  '{app="x"} | unwrap',
  'topk(rate({app="x"}[5m]))[',
]

test("Grafana's grammar and ours agree on what is a query, and of which kind", async t => {
  t.ok(scripted.length > 100, `${scripted.length} queries of the scripts`)
  for (const query of [...scripted, ...generated]) {
    const grafana = verdictOfGrafana(query)
    if (mistakesToGrafana.has(query)) t.equal(grafana, 'invalid', query)
    else t.equal(verdictOfOurs(query), grafana, query)
    t.not(verdictOfOurs(query), 'invalid', query)
  }
  for (const query of broken) {
    t.same([verdictOfOurs(query), verdictOfGrafana(query)], ['invalid', 'invalid'], query)
  }
})
