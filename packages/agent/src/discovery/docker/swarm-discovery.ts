// Runs dockerswarm_sd_configs: asks a manager of the swarm at every refresh interval.

import { ApiClient, type ApiConnection } from '../api-client.ts'
import { PolledDiscovery } from '../polled-discovery.ts'
import type { Discoverer, DiscoveryContext } from '../target-group.ts'
import type { ListedNetwork } from './container-labels.ts'
import {
  type ListedNode,
  type ListedService,
  type ListedTask,
  nodeTargets,
  type Swarm,
  type SwarmRole,
  serviceTargets,
  taskTargets,
} from './swarm-labels.ts'

/** One checked entry of `dockerswarm_sd_configs`. */
export interface SwarmConfig {
  readonly connection: ApiConnection
  readonly role: SwarmRole
  /** Docker's own filters, by name, for the objects of the role. */
  readonly filters: Readonly<Record<string, readonly string[]>>
  /** Port of targets without one. */
  readonly port: number
  readonly refreshMs: number
}

const targetsOf = { tasks: taskTargets, services: serviceTargets, nodes: nodeTargets } as const

/** Follows one swarm. */
export function createSwarmDiscovery(config: SwarmConfig, context: DiscoveryContext): Discoverer {
  const client = new ApiClient(config.connection, context.userAgent)
  const { role, filters, port, refreshMs } = config
  return new PolledDiscovery({
    ...{ key: 'dockerswarm_sd_configs', refreshMs, context },
    async poll(signal) {
      const list = async <T>(what: SwarmRole | 'networks'): Promise<T[]> => {
        const isFiltered = what === role && Object.keys(filters).length > 0
        const query = { filters: isFiltered ? JSON.stringify(filters) : '' }
        return (await client.getJson(`/${what}`, query, signal)) as T[]
      }
      const isFor = (...roles: SwarmRole[]) => roles.includes(role)
      const swarm: Swarm = {
        services: isFor('services', 'tasks') ? await list<ListedService>('services') : [],
        tasks: isFor('tasks') ? await list<ListedTask>('tasks') : [],
        nodes: isFor('nodes', 'tasks') ? await list<ListedNode>('nodes') : [],
        networks: isFor('services', 'tasks') ? await list<ListedNetwork>('networks') : [],
      }
      const targets = targetsOf[role](swarm, port)
      return { groups: [{ source: `dockerswarm/${role}`, labels: new Map(), targets }] }
    },
    close: () => client.close(),
  })
}
