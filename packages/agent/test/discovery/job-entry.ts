// A single entry of a `..._sd_configs` list in its own job: read, refused or run.

import pino, { type Logger } from 'pino'
import type { Test } from 'tap'
import { JobTargets } from '../../src/discovery/job-targets.ts'
import { ConfigError, loadAgentConfig } from '../../src/index.ts'
import { AgentMetrics } from '../../src/metrics/agent-metrics.ts'
import { waitFor } from '../harness.ts'

/** Loads a configuration with the entry in line 4. */
const load = (key: string, entry: string) =>
  loadAgentConfig({
    text: `clients: [{url: "http://h/"}]
scrape_configs:
  - job_name: a
    ${key}: [${entry}]
`,
    path: 'a.yaml',
  })

/** Returns why an entry is refused; empty if it is accepted. */
export async function problemOfEntry(key: string, entry: string): Promise<string> {
  try {
    await load(key, entry)
    return ''
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
  }
}

/** A running discovery of one entry. */
export interface RunningEntry {
  readonly targets: JobTargets
  readonly metrics: AgentMetrics
  /** Returns the labels of all targets, without a common prefix of their names. */
  found(prefix: string): Record<string, string>[]
}

/** Starts looking for the targets of an entry. Stops with the test. */
export async function runEntry(
  t: Test,
  {
    key,
    entry,
    logger = pino({ level: 'silent' }),
  }: { key: string; entry: string; logger?: Logger },
): Promise<RunningEntry> {
  const metrics = new AgentMetrics({ version: 'test' })
  const { scrapeConfigs } = await load(key, entry)
  const config = scrapeConfigs[0]!
  const targets = new JobTargets({
    userAgent: 'skald-agent/test',
    config,
    hostname: 'host',
    env: {},
    logger,
    metrics,
  })
  t.teardown(() => targets.stop())
  targets.start()
  const found = (prefix: string) =>
    targets.offered.map(({ discovered }) =>
      Object.fromEntries([...discovered].map(([name, value]) => [name.replace(prefix, ''), value])),
    )
  return { targets, metrics, found }
}

/** Runs an entry until its first answer. */
export async function discoverOnce(
  t: Test,
  options: { readonly key: string; readonly entry: string; readonly prefix: string },
): Promise<Record<string, string>[]> {
  const { targets, found } = await runEntry(t, options)
  await waitFor(() => targets.isComplete)
  return found(options.prefix)
}
