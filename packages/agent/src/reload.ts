// What a new configuration changes. The whole plan is made before anything is touched.

import type { AgentConfig } from './config/agent-config.ts'
import type { ClientConfig } from './config/clients.ts'
import type { ScrapeConfig } from './config/scrape.ts'

/** What to stop and what to start. */
export interface ReloadPlan {
  readonly removedJobs: readonly string[]
  readonly addedJobs: readonly ScrapeConfig[]
  /** Identities of clients. */
  readonly removedClients: readonly string[]
  readonly addedClients: readonly ClientConfig[]
  /** True if a setting changed that all clients' readers depend on. All of them restart. */
  readonly restartsAll: boolean
  /** Blocks that take effect only after a restart of the agent. */
  readonly notApplied: readonly string[]
}

/** Returns true if there is nothing to do. */
export function isUnchanged(plan: ReloadPlan): boolean {
  return (
    plan.removedJobs.length === 0 &&
    plan.addedJobs.length === 0 &&
    plan.removedClients.length === 0 &&
    plan.addedClients.length === 0 &&
    !plan.restartsAll
  )
}

/** Compares two checked configurations, including their secrets. */
export function planReload(before: AgentConfig, next: AgentConfig): ReloadPlan {
  const jobOf = (config: AgentConfig, { jobName }: ScrapeConfig) =>
    config.scrapeConfigs.find(job => job.jobName === jobName)?.identity
  const clientKeys = (config: AgentConfig) => new Set(config.clients.map(clientKey))
  const [keysBefore, keysNext] = [clientKeys(before), clientKeys(next)]
  const shared = ({ limits, target, fileWatch }: AgentConfig) =>
    JSON.stringify([limits, target, fileWatch])
  const blocks = ['server', 'positions', 'wal'] as const
  return {
    removedJobs: before.scrapeConfigs
      .filter(job => jobOf(next, job) !== job.identity)
      .map(({ jobName }) => jobName),
    addedJobs: next.scrapeConfigs.filter(job => jobOf(before, job) !== job.identity),
    removedClients: [...keysBefore].filter(key => !keysNext.has(key)),
    addedClients: next.clients.filter(client => !keysBefore.has(clientKey(client))),
    restartsAll: shared(before) !== shared(next),
    notApplied: blocks.filter(
      block => JSON.stringify(before[block]) !== JSON.stringify(next[block]),
    ),
  }
}

/** Returns a string that is equal for clients with equal settings. */
export function clientKey({ identity, externalLabels }: ClientConfig): string {
  return JSON.stringify([identity, [...externalLabels]])
}
