// A checked entry of consul_sd_configs or consulagent_sd_configs.

import type { ApiConnection } from '../api-client.ts'

/** Which services an entry wants, for both kinds of entries. */
export interface ConsulConfig {
  readonly connection: ApiConnection
  readonly datacenter: string
  /** For Consul Enterprise. Empty for the default namespace. */
  readonly namespace: string
  readonly partition: string
  readonly tagSeparator: string
  readonly allowsStale: boolean
  /** Empty for all services. */
  readonly services: readonly string[]
  /** A service must have all of these tags. */
  readonly tags: readonly string[]
  readonly nodeMeta: ReadonlyMap<string, string>
  readonly refreshMs: number
}
