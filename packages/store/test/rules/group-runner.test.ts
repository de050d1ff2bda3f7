// Groups with stored state: what a killed store finds again, and what receivers are told meanwhile.

import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createLabelSet } from '@skald/wire'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { type AlertsToSend, GroupRunner } from '../../src/rules/group-runner.ts'
import { LocalRules } from '../../src/rules/local-rules.ts'
import { groupKey, type PlacedGroup } from '../../src/rules/rule.ts'
import { readRuleGroup } from '../../src/rules/rule-file.ts'
import type { TemplateSample } from '../../src/rules/rule-template.ts'
import { createRulerMetrics } from '../../src/rules/ruler-metrics.ts'
import type { WriteSample } from '../../src/rules/write-request.ts'

const text = `name: g
interval: 1m
rules:
  - {alert: Slow, expr: "vector(1)", for: 3m}
  - {alert: Fast, expr: "vector(2)"}
  - {record: "a:b", expr: "vector(3)"}
`
const minute = 60_000
const beginMs: number = 1_700_000_000_000

interface Told {
  readonly name: string
  readonly state: string
  readonly firedMs: number
}

interface OpenOptions {
  readonly samples?: Map<string, number[]>
  readonly clock?: { now(): number }
  readonly onAlerts?: (alerts: AlertsToSend) => void
  readonly group?: string
  readonly query?: (logql: string) => Promise<TemplateSample[]>
}

/** Opens a group on a catalog. */
async function openGroup(
  dir: string,
  {
    samples = new Map([
      ['vector(1)', [1]],
      ['vector(2)', [2]],
      ['vector(3)', [3]],
    ]),
    clock = { now: () => beginMs },
    onAlerts = (_alerts: AlertsToSend) => {},
    group = text,
    query = async (logql: string): Promise<TemplateSample[]> =>
      (samples.get(logql) ?? []).map(value => ({ labels: createLabelSet({}), value })),
  }: OpenOptions = {},
) {
  const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  const told: Told[] = []
  const written: WriteSample[] = []
  const placed: PlacedGroup = {
    ...{ tenant: 't', namespace: 'ns', source: 'api' },
    group: readRuleGroup(group).groups[0]!,
  }
  const rules = new LocalRules({ rules: catalog.rules, dataDir: dir, keep: undefined })
  const states = await rules.open([groupKey(placed)])
  const runner = await GroupRunner.open(placed, {
    ...{
      intervalMs: minute,
      resendDelayMs: minute,
      toleranceMs: 60 * minute,
      graceMs: 10 * minute,
      takeoverMs: 0,
    },
    context: {
      externalLabels: new Map(),
      externalUrl: '',
      query,
    },
    state: states.get(groupKey(placed))!,
    clock,
    metrics: createRulerMetrics(new Registry(), true),
    onAlerts: alerts => {
      onAlerts(alerts)
      for (const { labels, state, firedMs } of alerts.alerts)
        told.push({ name: labels[0]!.value, state, firedMs: firedMs - beginMs })
    },
    ...{ tellHooks: () => [], hooks: [] },
    onSamples: async (_tenant, found) => {
      written.push(...found)
    },
    onFailure: (_placed, _rule, error) => {
      throw error
    },
    turn: work => work(),
  })
  return { catalog, runner, told, written, samples }
}

const alertsOf = ({ runner }: Awaited<ReturnType<typeof openGroup>>) =>
  runner.status.rules.flatMap(({ alerts }) =>
    alerts.map(
      ({ labels, state, activeMs }) =>
        `${labels[0]!.value} ${state} ${(activeMs - beginMs) / minute}`,
    ),
  )

test('rules are evaluated in order, and samples are written with the state of alerts', async t => {
  const opened = await openGroup(t.testdir())
  await opened.runner.evaluate(beginMs)
  t.same(alertsOf(opened), ['Slow pending 0', 'Fast firing 0'])
  t.same(opened.told, [{ name: 'Fast', state: 'firing', firedMs: 0 }])
  const names = opened.written.map(({ labels, value }) => {
    const of = (key: string) => labels.find(({ name }) => name === key)?.value ?? ''
    return [of('__name__'), of('alertname'), of('alertstate'), value].join(' ').trim()
  })
  t.same(names, [
    'ALERTS Slow pending 1',
    `ALERTS_FOR_STATE Slow  ${beginMs / 1000}`,
    'ALERTS Fast firing 1',
    `ALERTS_FOR_STATE Fast  ${beginMs / 1000}`,
    'a:b   3',
  ])
  opened.samples.set('vector(3)', [])
  opened.samples.set('vector(2)', [])
  opened.written.length = 0
  await opened.runner.evaluate(beginMs + minute)
  t.same(
    opened.written.filter(({ value }) => value === 'stale').length,
    3,
    'series that end are marked',
  )
  await opened.catalog.close()
})

test('a killed store finds its alerts at any of 50 moments, none twice and none ended', async t => {
  const dir = t.testdir()
  let copies = 0
  const life = join(dir, 'life')
  mkdirSync(life)
  const samples = new Map([
    ['vector(1)', [1]],
    ['vector(2)', [2]],
    ['vector(3)', [3]],
  ])
  /** Copies the files as a killed process leaves them. */
  const copyAt = (moment: string) => {
    const to = join(dir, `kill-${copies++}`)
    mkdirSync(to)
    for (const end of ['', '-wal']) {
      const path = join(life, `catalog.sqlite${end}`)
      if (existsSync(path)) copyFileSync(path, join(to, `catalog.sqlite${end}`))
    }
    return { to, moment }
  }
  const kills: { to: string; moment: string; atMs: number; told: readonly Told[] }[] = []
  let atMs = beginMs
  const told: Told[] = []
  const opened = await openGroup(life, {
    samples,
    onAlerts: ({ alerts }) => {
      // Killed after the state is stored and before anybody is told.
      kills.push({ ...copyAt('before telling'), atMs, told: [...told] })
      for (const { labels, state, firedMs } of alerts)
        told.push({ name: labels[0]!.value, state, firedMs: firedMs - beginMs })
      kills.push({ ...copyAt('after telling'), atMs, told: [...told] })
    },
  })
  for (let i = 0; i < 11; i++) {
    atMs = beginMs + i * minute
    kills.push({ ...copyAt('before'), atMs, told: [...told] })
    const running = opened.runner.evaluate(atMs)
    kills.push({ ...copyAt('during'), atMs, told: [...told] })
    await running
    kills.push({ ...copyAt('after'), atMs, told: [...told] })
  }
  await opened.catalog.close()
  t.ok(kills.length >= 50, `${kills.length} moments`)
  for (const [i, kill] of kills.entries()) {
    const again = await openGroup(kill.to, { samples, clock: { now: () => kill.atMs + minute } })
    const name = `${i}: ${kill.moment} at minute ${(kill.atMs - beginMs) / minute}`
    await again.runner.evaluate(kill.atMs + minute)
    // Whatever receivers were told stays true.
    for (const before of kill.told) {
      const now = again.told.filter(one => one.name === before.name)
      if (!now.every(one => one.state === 'firing' && one.firedMs === before.firedMs))
        t.fail(`${name}: ${before.name} began again or ended`)
      if (now.length === 0) t.fail(`${name}: ${before.name} is not told again`)
    }
    if (again.told.length !== new Set(again.told.map(one => one.name)).size)
      t.fail(`${name}: an alert is there twice`)
    const isKnown = kill.told.some(one => one.name === 'Slow')
    const slow = alertsOf(again).find(alert => alert.startsWith('Slow'))!
    if (isKnown && !slow.startsWith('Slow firing 0')) t.fail(`${name}: ${slow}`)
    await again.catalog.close()
  }
})

test('a query that is cut when the store stops is no failure of its rule', async t => {
  const opened = await openGroup(t.testdir(), {
    query: () => {
      opened.runner.prepareStop()
      return Promise.reject(new Error('the store stops'))
    },
  })
  await opened.runner.evaluate(beginMs)
  t.same(new Set(opened.runner.status.rules.map(({ health }) => health)), new Set(['unknown']))
  await opened.catalog.close()
})

test('an alert goes on pending after a restart, and through a change of its group', async t => {
  const dir = t.testdir()
  const first = await openGroup(dir)
  for (const at of [0, 1]) await first.runner.evaluate(beginMs + at * minute)
  await first.catalog.close()
  const changed = text.replace('interval: 1m', 'interval: 1m\nlimit: 9').replace('Fast', 'Other')
  const clock = { now: () => beginMs + 2 * minute }
  const second = await openGroup(dir, { group: changed, clock })
  t.same(alertsOf(second), ['Slow pending 0'], 'a rule with another name begins again')
  await second.runner.evaluate(beginMs + 3 * minute)
  t.same(alertsOf(second), ['Slow firing 0', 'Other firing 3'])
  await second.catalog.close()
  const third = await openGroup(dir, { clock: { now: () => beginMs + 200 * minute } })
  t.same(alertsOf(third), [], 'after more than for_outage_tolerance it begins again')
  await third.catalog.close()
})

test('an alert that ended while the store was away is told as resolved', async t => {
  const dir = t.testdir()
  const first = await openGroup(dir)
  await first.runner.evaluate(beginMs)
  await first.catalog.close()
  const second = await openGroup(dir, {
    samples: new Map(),
    clock: { now: () => beginMs + 5 * minute },
  })
  await second.runner.evaluate(beginMs + 5 * minute)
  t.match(second.told, [{ name: 'Fast', state: 'inactive', firedMs: 0 }])
  await second.catalog.close()
})
