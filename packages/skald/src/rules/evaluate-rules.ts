// Asks a store for the past, and says when each alert would have fired.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ConfigError } from '@skald/config-reading'
import { formatPrometheusDuration, nsPerMs, parsePrometheusDuration } from '@skald/go-dialect'
import type { Rule, RuleGroup } from '@skald/store/rule'
import { readRuleFile } from '@skald/store/rule-file'
import { RuleTrial } from '@skald/store/rule-trial'
import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import { UsageError } from '../errors.ts'
import { evalStepsMax } from '../limits.ts'
import { readStore, type Server, storeOptions } from '../server-address.ts'
import { readSince } from '../since-flag.ts'
import type { Terminal } from '../terminal.ts'

interface Sample {
  readonly labels: LabelSet
  readonly value: number
}

/** A time in which an alert fired. */
interface Firing {
  readonly labels: LabelSet
  readonly summary: string
  readonly fromMs: number
  /** Absent if it fires still. */
  readonly toMs: number | undefined
}

/** Runs the command. Returns the exit code. @throws UsageError, ConfigError */
export async function evaluateRules(
  argv: readonly string[],
  terminal: Terminal,
  usage: string,
): Promise<number> {
  const { paths, sinceNs, intervalMs, server } = readArguments(argv, terminal.env, usage)
  const endMs = Date.now()
  for (const path of paths) {
    const { groups, problems } = readRuleFile(readFileSync(path, 'utf8'))
    if (problems.length > 0) throw new ConfigError({ path, problems })
    for (const group of groups) {
      const stepMs = group.intervalMs || intervalMs
      const startMs = Math.ceil((endMs - Number(sinceNs / nsPerMs)) / stepMs) * stepMs
      for (const rule of group.rules) {
        if (rule.kind === 'record') continue
        try {
          const firings = await findFirings(group, rule, { startMs, endMs, stepMs, server })
          for (const line of formatFirings(`${group.name}/${rule.name}`, firings))
            terminal.stdout.write(`${line}\n`)
        } catch (error) {
          terminal.stderr.write(`${group.name}/${rule.name}: ${(error as Error).message}\n`)
          return 1
        }
      }
    }
  }
  return 0
}

function readArguments(argv: readonly string[], env: Terminal['env'], usage: string) {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        since: { type: 'string', default: '24h' },
        interval: { type: 'string', default: '1m' },
        ...storeOptions,
      },
    })
    if (positionals.length === 0) throw new TypeError('skald rules eval takes one or more files')
    const intervalMs = Number(parsePrometheusDuration(values.interval) / nsPerMs)
    if (intervalMs <= 0) throw new TypeError('--interval must be above zero')
    const sinceNs = readSince(values.since, usage)
    return { paths: positionals, sinceNs, intervalMs, server: readStore(values, env, usage) }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    throw new UsageError((cause as Error).message, { usage, cause })
  }
}

interface Range {
  readonly startMs: number
  readonly endMs: number
  readonly stepMs: number
  readonly server: Server
}

/** Evaluates a rule at every step of the past. */
async function findFirings(group: RuleGroup, rule: Rule, range: Range): Promise<Firing[]> {
  const { startMs, endMs, stepMs, server } = range
  const offsetMs = group.queryOffsetMs ?? 0
  const firing = new Map<string, Firing>()
  const over: Firing[] = []
  let samples = new Map<number, Sample[]>()
  const trial = new RuleTrial([{ ...group, rules: [rule] }], {
    externalLabels: new Map(),
    externalUrl: '',
    query: async (logql, timeNs) =>
      logql === rule.expr
        ? (samples.get(Number(timeNs / nsPerMs)) ?? [])
        : await askInstant(server, logql, timeNs),
  })
  for (let fromMs = startMs; fromMs <= endMs; fromMs += stepMs * evalStepsMax) {
    const toMs = Math.min(endMs, fromMs + stepMs * (evalStepsMax - 1))
    const asked = { startMs: fromMs - offsetMs, endMs: toMs - offsetMs, stepMs, server }
    samples = await askRange(rule.expr, asked)
    for (let timeMs = fromMs; timeMs <= toMs; timeMs += stepMs) {
      await trial.evaluate(timeMs)
      const [status] = trial.status
      if (status!.error) throw status!.error
      for (const alert of status!.alerts) {
        const key = formatLabelSet(alert.labels)
        const known = firing.get(key)
        if (alert.state === 'firing') {
          const { labels, annotations } = alert
          const summary = annotations.map(({ name, value }) => `${name}: ${value}`).join(', ')
          firing.set(key, { labels, summary, fromMs: alert.firedMs, toMs: undefined })
        } else if (known) {
          firing.delete(key)
          over.push({ ...known, toMs: timeMs })
        }
      }
    }
  }
  return [...over, ...firing.values()].sort((a, b) => a.fromMs - b.fromMs)
}

async function askRange(
  logql: string,
  { startMs, endMs, stepMs, server }: Range,
): Promise<Map<number, Sample[]>> {
  const params = {
    query: logql,
    start: String(BigInt(startMs) * nsPerMs),
    end: String(BigInt(endMs) * nsPerMs),
    step: `${stepMs}ms`,
  }
  const series = await ask<{ metric: Record<string, string>; values: [number, string][] }>(
    server,
    'query_range',
    params,
  )
  const found = new Map<number, Sample[]>()
  for (const { metric, values } of series) {
    const labels = createLabelSet(metric)
    for (const [seconds, value] of values) {
      const timeMs = Math.round(seconds * 1000)
      const known = found.get(timeMs) ?? []
      known.push({ labels, value: Number(value) })
      found.set(timeMs, known)
    }
  }
  return found
}

async function askInstant(server: Server, logql: string, timeNs: bigint): Promise<Sample[]> {
  const params = { query: logql, time: String(timeNs) }
  const found = await ask<{ metric: Record<string, string>; value: [number, string] }>(
    server,
    'query',
    params,
  )
  return found.map(({ metric, value }) => ({
    labels: createLabelSet(metric),
    value: Number(value[1]),
  }))
}

async function ask<T>(
  { url, headers }: Server,
  route: string,
  params: Readonly<Record<string, string>>,
): Promise<T[]> {
  const target = `${url}/loki/api/v1/${route}?${new URLSearchParams(params)}`
  const answer = await fetch(target, { headers }).catch((error: Error) => {
    const cause = error.cause as Error | undefined
    throw new Error(`cannot ask ${url}: ${cause?.message ?? error.message}`, { cause: error })
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text.trim()}`)
  const { data } = JSON.parse(text) as { data: { resultType: string; result: T[] } }
  if (data.resultType === 'streams') throw new Error('the query gives lines, not numbers')
  return data.result
}

function formatFirings(name: string, firings: readonly Firing[]): string[] {
  const times = firings.length === 1 ? 'once' : `${firings.length} times`
  if (firings.length === 0) return [`${name}: would not have fired`]
  return [
    `${name}: would have fired ${times}`,
    ...firings.map(({ labels, summary, fromMs, toMs }) => {
      const length =
        toMs === undefined
          ? 'until now'
          : `for ${formatPrometheusDuration(BigInt(toMs - fromMs) * nsPerMs)}`
      const own = labels.filter(label => label.name !== 'alertname')
      const start = new Date(fromMs).toISOString().replace('.000Z', 'Z')
      return `  ${start} ${length} ${formatLabelSet(own)} ${summary}`.trimEnd()
    }),
  ]
}
