import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { configText, lines, startReceiver, startTestAgent, text, waitFor } from '../harness.ts'

/** Promtail's metrics of files and pushes, with the labels that dashboards use. */
const expected: Readonly<Record<string, readonly [type: string, series: RegExp]>> = {
  promtail_build_info: ['gauge', /\{version="[^"]+".*goos="[^"]+".*\} 1\n/],
  promtail_encoded_bytes_total: ['counter', /\{host="127\.0\.0\.1:\d+"\} \d+\n/],
  promtail_sent_bytes_total: ['counter', /\{host="127\.0\.0\.1:\d+"\} \d+\n/],
  promtail_sent_entries_total: ['counter', /\{host="127\.0\.0\.1:\d+"\} 3\n/],
  promtail_dropped_bytes_total: [
    'counter',
    /\{host="[^"]+",tenant="",reason="ingester_error"\} 0\n/,
  ],
  promtail_dropped_entries_total: [
    'counter',
    /\{host="[^"]+",tenant="",reason="line_too_long"\} 1\n/,
  ],
  promtail_mutated_bytes_total: ['counter', /\{host="[^"]+",tenant="",reason="rate_limited"\} 0\n/],
  promtail_mutated_entries_total: [
    'counter',
    /\{host="[^"]+",tenant="",reason="stream_limited"\} 0\n/,
  ],
  promtail_batch_retries_total: ['counter', /\{host="[^"]+",tenant=""\} 0\n/],
  promtail_request_duration_seconds: [
    'histogram',
    /_count\{status_code="204",host="[^"]+"\} \d+\n/,
  ],
  promtail_read_bytes_total: ['gauge', /\{path="[^"]+\/a\.log"\} \d+\n/],
  promtail_file_bytes_total: ['gauge', /\{path="[^"]+\/a\.log"\} \d+\n/],
  promtail_read_lines_total: ['counter', /\{path="[^"]+\/a\.log"\} 5\n/],
  promtail_files_active_total: ['gauge', / 1\n/],
  promtail_targets_active_total: ['gauge', / 1\n/],
  promtail_targets_failed_total: ['counter', /\{reason="no_path"\} 0\n/],
  logentry_dropped_lines_total: ['counter', /\{reason="drop_stage"\} 1\n/],
  skald_agent_file_lag_bytes: ['gauge', /\{path="[^"]+\/a\.log"\} 0\n/],
  skald_agent_file_lag_seconds: ['gauge', /\{path="[^"]+\/a\.log"\} 0\n/],
  skald_agent_lost_bytes_total: ['counter', / 0\n/],
  skald_agent_unheld_bytes: ['gauge', / 0\n/],
}

test('Metrics have Promtail’s names, types and labels', async t => {
  const directory = t.testdir({ 'a.log': text(['1', '2', 'drop me', 'x'.repeat(100), '3']) })
  const receiver = await startReceiver(t)
  const job = '    pipeline_stages: [{drop: {expression: "^drop"}}]'
  const top = 'limits_config: {max_line_size: 50}'
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job, top }))
  await receiver.until(() => receiver.entries.length === 3)
  await sleep(400)
  const answer = await fetch(`${agent.url}/metrics`)
  const metrics = await answer.text()
  for (const [name, [type, series]] of Object.entries(expected)) {
    t.match(metrics, `# TYPE ${name} ${type}\n`, name)
    const ofName = metrics.split('\n').filter(line => line.startsWith(name))
    t.match(`${ofName.map(line => line.slice(name.length)).join('\n')}\n`, series, name)
  }
  rmSync(`${directory}/a.log`)
  await waitFor(async () => !(await agent.metrics.registry.metrics()).includes('/a.log"'))
})

test('Metrics show how far the server is behind a file, including rotated ones', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 10)) })
  const path = `${directory}/a.log`
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
  const lag = async (unit: string) => {
    const metrics = await agent.metrics.registry.metrics()
    return Number(new RegExp(`file_lag_${unit}\\{[^}]*a\\.log"\\} (\\S+)`).exec(metrics)?.[1])
  }
  await receiver.until(() => receiver.entries.length === 10)
  await waitFor(async () => (await lag('bytes')) === 0)
  appendFileSync(path, 'a line without end')
  await sleep(300)
  t.equal(await lag('bytes'), 0, 'what is no line yet is not behind')
  receiver.respond(503)
  appendFileSync(path, `\n${text(lines('m', 1, 10))}`)
  await waitFor(() => receiver.refusals > 0)
  const bytes = 'a line without end\n'.length + text(lines('m', 1, 10)).length
  t.equal(await lag('bytes'), bytes)
  await sleep(1_200)
  const seconds = await lag('seconds')
  t.ok(seconds > 1 && seconds < 10, `${seconds} s`)
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'new\n')
  await waitFor(async () => (await lag('bytes')) === bytes + 4)
  receiver.respond(204)
  await receiver.until(() => receiver.entries.length === 22)
  await waitFor(async () => (await lag('bytes')) === 0 && (await lag('seconds')) === 0)
})

test('Metrics count a line once, whatever the number of clients', async t => {
  const all = ['INFO 1.5', 'INFO 0.2s', 'ERROR 3', 'no match at all here', 'drop me']
  const directory = t.testdir({ 'a.log': text(all) })
  const receivers = [await startReceiver(t), await startReceiver(t), await startReceiver(t)]
  const [first, second, last] = receivers
  const job = `    pipeline_stages:
      - drop: {expression: "^drop"}
      - regex: {expression: '^(?P<lvl>\\w+) (?P<took>\\S+)$'}
      - metrics:
          all_total: {type: Counter, description: all, config: {match_all: true, action: inc}}
          bad_total: {type: Counter, description: bad, source: lvl, config: {value: ERROR, action: inc}}
          took: {type: Histogram, description: took, source: took, config: {buckets: [0.5, 1]}}
          under_way: {type: Gauge, description: g, source: lvl, config: {action: inc}}
`
  const config = configText({ directory, url: first!.url, job }).replace(
    'target_config',
    `  - {url: "${second!.url}", batchwait: 20ms}
  - {url: "${last!.url}", batchwait: 20ms}
target_config`,
  )
  // A server that accepts nothing falls behind the others. When it catches up, nothing is counted again.
  last!.respond(503)
  const agent = await startTestAgent(t, config)
  const seriesOf = async (name: RegExp) => {
    const metrics = await agent.metrics.registry.metrics()
    return metrics
      .split('\n')
      .filter(line => name.test(line))
      .map(line => line.replace(/.* /, ''))
  }
  const check = async (times: number) => {
    const want = async (name: RegExp, value: number) =>
      t.strictSame(await seriesOf(name), [String(value * times)], String(name))
    await want(/^promtail_custom_all_total/, 4)
    await want(/^promtail_custom_bad_total/, 1)
    await want(/^promtail_custom_took_count/, 3)
    await want(/^promtail_custom_took_bucket.*le="0.5"/, 1)
    await want(/^promtail_custom_under_way/, 3)
    await want(/^promtail_read_lines_total/, 5)
    await want(/^logentry_dropped_lines_total.*drop_stage/, 1)
  }
  await first!.until(() => first!.entries.length === 4)
  await second!.until(() => second!.entries.length === 4)
  await check(1)
  appendFileSync(`${directory}/a.log`, text(all))
  last!.respond(204)
  for (const receiver of receivers) await receiver.until(() => receiver.entries.length === 8)
  await check(2)
  t.match(await seriesOf(/^promtail_files_active_total/), ['1'])
})

test('Counters of the metrics stage start at 0 with the first line of their stream', async t => {
  const directory = t.testdir({ 'a.log': 'level=info\n' })
  const receiver = await startReceiver(t)
  const job = `    pipeline_stages:
      - regex: {expression: 'level=(?P<level>\\w+)'}
      - metrics:
          errors_total: {type: Counter, source: level, config: {action: inc, value: error}}
          level_gauge: {type: Gauge, source: none, config: {action: set}}
`
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  await receiver.until(() => receiver.entries.length === 1)
  const errors = async () => {
    const text = await agent.metrics.registry.metrics()
    t.notMatch(text, /promtail_custom_level_gauge\{/, 'a gauge has no beginning')
    return /promtail_custom_errors_total\{[^}]*a\.log[^}]*\} (\d+)/.exec(text)?.[1]
  }
  t.equal(await errors(), '0')
  appendFileSync(`${directory}/a.log`, 'level=error\nlevel=info\n')
  await receiver.until(() => receiver.entries.length === 3)
  t.equal(await errors(), '1')
})
