// Runs consulagent_sd_configs: the services that one Consul agent runs itself, without asking the servers.

import { ApiClient } from '../api-client.ts'
import { joinHostPort } from '../host-port.ts'
import { metaLabel } from '../meta-label.ts'
import { PolledDiscovery } from '../polled-discovery.ts'
import type { Discoverer, DiscoveryContext, TargetGroup } from '../target-group.ts'
import type { ConsulConfig } from './consul-config.ts'
import {
  type ConsulCheck,
  type ConsulService,
  isWanted,
  serviceLabels,
  worstStatus,
} from './service-labels.ts'

interface Self {
  readonly Config: { readonly Datacenter: string; readonly NodeName: string }
  readonly Member: { readonly Addr: string }
  readonly Meta?: Readonly<Record<string, unknown>> | null
}

/** Follows the services of one entry. */
export function createConsulAgentDiscovery(
  config: ConsulConfig,
  context: DiscoveryContext,
): Discoverer {
  const client = new ApiClient(config.connection, context.userAgent)
  const { refreshMs, tagSeparator } = config
  return new PolledDiscovery({
    ...{ key: 'consulagent_sd_configs', refreshMs, context },
    async poll(signal) {
      const get = (path: string) => client.getJson(path, {}, signal)
      const self = (await get('/v1/agent/self')) as Self
      const services = (await get('/v1/agent/services')) as Record<string, ConsulService>
      const checks = Object.values((await get('/v1/agent/checks')) as Record<string, ConsulCheck>)
      const node = {
        ...{ address: self.Member.Addr, name: self.Config.NodeName, meta: self.Meta ?? {} },
      }
      const byName = Map.groupBy(
        Object.values(services).filter(({ Service: name, Tags: tags }) =>
          isWanted(config, name, tags ?? []),
        ),
        ({ Service: name }) => name,
      )
      const groups = [...byName].map(([name, instances]): TargetGroup => {
        const ids = ['', ...instances.map(({ ID: id }) => id)]
        const worst = worstStatus(checks.filter(({ ServiceID: id = '' }) => ids.includes(id)))
        // An agent does not distinguish maintenance.
        const health = worst === 'maintenance' ? 'critical' : worst
        return {
          source: `consulagent/${name}`,
          labels: new Map([
            [metaLabel('consulagent_service'), name],
            [metaLabel('consulagent_dc'), config.datacenter || self.Config.Datacenter],
          ]),
          targets: instances.map(service => {
            const labels = serviceLabels('consulagent', service, node, { tagSeparator, health })
            for (const [key, { Address, Port }] of Object.entries(service.TaggedAddresses ?? {})) {
              labels.set(metaLabel('consulagent_tagged_address', key), joinHostPort(Address, Port))
            }
            return labels
          }),
        }
      })
      return { groups }
    },
    close: () => client.close(),
  })
}
