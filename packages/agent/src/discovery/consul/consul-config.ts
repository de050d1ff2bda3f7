// An entry of consul_sd_configs or consulagent_sd_configs, checked.

import type { ApiConnection } from '../api-client.ts'

/** What an entry says of services, whoever is asked for them. */
export interface ConsulConfig {
  readonly connection: ApiConnection
  readonly datacenter: string
  /** Of Consul Enterprise; empty for the default ones. */
  readonly namespace: string
  readonly partition: string
  readonly tagSeparator: string
  readonly allowsStale: boolean
  /** Empty for all. */
  readonly services: readonly string[]
  /** A service must have all of them. */
  readonly tags: readonly string[]
  readonly nodeMeta: ReadonlyMap<string, string>
  readonly refreshMs: number
}
