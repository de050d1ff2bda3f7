// Runs consul_sd_configs: the services in a data centre's catalog, with their health.

import { ApiClient } from '../api-client.ts'
import { metaLabel } from '../meta-label.ts'
import { PolledDiscovery } from '../polled-discovery.ts'
import type { Discoverer, DiscoveryContext } from '../target-group.ts'
import type { ConsulConfig } from './consul-config.ts'
import {
  type ConsulCheck,
  type ConsulService,
  isWanted,
  serviceLabels,
  worstStatus,
} from './service-labels.ts'

interface CatalogEntry {
  readonly Node: {
    readonly Node: string
    readonly Address: string
    readonly Meta?: Readonly<Record<string, string>> | null
    readonly TaggedAddresses?: Readonly<Record<string, string>> | null
  }
  readonly Service: ConsulService
  readonly Checks: readonly ConsulCheck[]
}

/** Follows the services of one entry. */
export function createConsulDiscovery(config: ConsulConfig, context: DiscoveryContext): Discoverer {
  const client = new ApiClient(config.connection, context.userAgent)
  const { services, tags, refreshMs } = config
  const common = {
    ...{ dc: config.datacenter, ns: config.namespace, partition: config.partition },
    stale: config.allowsStale || undefined,
    'node-meta': [...config.nodeMeta].map(([name, value]) => `${name}:${value}`),
  }
  let { datacenter } = config

  const namesOf = async (signal: AbortSignal): Promise<readonly string[]> => {
    if (services.length > 0 && tags.length === 0) return services
    const all = await client.getJson('/v1/catalog/services', common, signal)
    return Object.entries(all as Record<string, readonly string[]>)
      .filter(([name, found]) => isWanted(config, name, found))
      .map(([name]) => name)
  }

  const targetsOf = async (name: string, signal: AbortSignal) => {
    const path = `/v1/health/service/${encodeURIComponent(name)}`
    const entries = await client.getJson(path, { ...common, tag: tags }, signal)
    return (entries as readonly CatalogEntry[]).map(({ Node: node, Service: service, Checks }) => {
      const at = { address: node.Address, name: node.Node, meta: node.Meta ?? {} }
      const of = { tagSeparator: config.tagSeparator, health: worstStatus(Checks) }
      const labels = serviceLabels('consul', service, at, of)
      const further = [
        ['namespace', service.Namespace],
        ['partition', service.Partition],
        ...Object.entries(node.TaggedAddresses ?? {}).map(
          ([key, value]) => [`tagged_address_${key}`, value] as const,
        ),
      ] as const
      for (const [key, value] of further) if (value) labels.set(metaLabel('consul', key), value)
      return labels
    })
  }

  return new PolledDiscovery({
    ...{ key: 'consul_sd_configs', refreshMs, context },
    async poll(signal) {
      datacenter ||= await localDatacenter(client, signal)
      const groups = []
      for (const name of await namesOf(signal)) {
        const labels = new Map([
          [metaLabel('consul_service'), name],
          [metaLabel('consul_dc'), datacenter],
        ])
        groups.push({ source: `consul/${name}`, labels, targets: await targetsOf(name, signal) })
      }
      return { groups }
    },
    close: () => client.close(),
  })
}

/** Asks a Consul agent which data centre it is in. */
async function localDatacenter(client: ApiClient, signal: AbortSignal): Promise<string> {
  const self = await client.getJson('/v1/agent/self', {}, signal)
  const { Datacenter: datacenter } = (self as { Config?: { Datacenter?: unknown } }).Config ?? {}
  if (typeof datacenter === 'string') return datacenter
  throw new Error('/v1/agent/self has no Config.Datacenter: is this Consul?')
}
