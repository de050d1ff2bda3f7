// What a new configuration changes: decided as a whole before anything is touched.

import type { AgentConfig } from './config/agent-config.ts'
import type { ClientConfig } from './config/clients.ts'
import type { ScrapeConfig } from './config/scrape.ts'

/** What is to be stopped and what to be started. */
export interface ReloadPlan {
  readonly removedJobs: readonly string[]
  readonly addedJobs: readonly ScrapeConfig[]
  /** Clients by their identity. */
  readonly removedClients: readonly string[]
  readonly addedClients: readonly ClientConfig[]
  /** What all clients' readers depend on is different: all of them begin anew. */
  readonly restartsAll: boolean
  /** Blocks that only a restart of the agent applies. */
  readonly notApplied: readonly string[]
}

/** Tells whether there is anything to do. */
export function isUnchanged(plan: ReloadPlan): boolean {
  return (
    plan.removedJobs.length === 0 &&
    plan.addedJobs.length === 0 &&
    plan.removedClients.length === 0 &&
    plan.addedClients.length === 0 &&
    !plan.restartsAll
  )
}

/** Compares two checked configurations, secrets as they are. */
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

/** Text that is equal for clients with equal settings. */
export function clientKey({ identity, externalLabels }: ClientConfig): string {
  return JSON.stringify([identity, [...externalLabels]])
}
