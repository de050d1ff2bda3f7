// How Grafana shows the panels of the shipped dashboards. A bar panel with an instant query gets
// one table from the Loki datasource. Grafana reduces a table to one unnamed bar unless it shows
// each row.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { rootDir } from './skald-process.ts'

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets: readonly { readonly expr: string; readonly queryType?: string }[]
  readonly options?: { readonly reduceOptions?: { readonly values?: boolean } }
  readonly fieldConfig?: {
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string }
      readonly properties: readonly { readonly id: string }[]
    }[]
  }
}

const files = [
  'charts/skald/dashboards/logs.json',
  'charts/skald/dashboards/skald.json',
  'examples/docker-compose/grafana/containers.json',
]
/** The values of `detected_level`, from docs/logql.md. */
const levels = ['critical', 'debug', 'error', 'fatal', 'info', 'trace', 'unknown', 'warn']

for (const file of files) {
  const { panels } = JSON.parse(readFileSync(join(rootDir, file), 'utf8')) as {
    panels: readonly Panel[]
  }
  test(`${file}: bars of an instant query show each row`, async t => {
    const bars = panels.filter(
      ({ type, targets = [] }) =>
        ['bargauge', 'gauge', 'piechart'].includes(type) &&
        targets.some(({ queryType }) => queryType === 'instant'),
    )
    for (const { title, options } of bars) t.equal(options?.reduceOptions?.values, true, title)
    t.equal(bars.length, file.endsWith('/logs.json') ? 1 : 0, 'panels that this is about')
  })
  test(`${file}: each level has a colour`, async t => {
    const byLevel = panels.filter(({ targets = [] }) =>
      targets.some(({ expr }) => expr.startsWith('sum by (detected_level)')),
    )
    for (const { title, fieldConfig } of byLevel) {
      const coloured = (fieldConfig?.overrides ?? [])
        .filter(({ properties }) => properties.some(({ id }) => id === 'color'))
        .map(({ matcher }) => matcher.options)
      for (const level of levels) t.ok(coloured.includes(level), `${title}: ${level}`)
    }
    t.equal(byLevel.length, file.endsWith('/skald.json') ? 0 : 1, 'panels that this is about')
  })
}
