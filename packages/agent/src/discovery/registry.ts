// The kinds of discovery. To add one, add a file to this folder and a row here.

import { loadReaders, type ValueReader } from '@skald/config-reading'
import type { DiscoveryConfig } from './target-group.ts'

const discoveries = {
  file_sd_configs: async () => (await import('./file-sd.ts')).readFileDiscovery,
  kubernetes_sd_configs: async () =>
    (await import('./kubernetes/kubernetes-sd.ts')).readKubernetesDiscovery,
  docker_sd_configs: async () => (await import('./docker/docker-sd.ts')).readDockerDiscovery,
  dockerswarm_sd_configs: async () => (await import('./docker/docker-sd.ts')).readSwarmDiscovery,
  consul_sd_configs: async () => (await import('./consul/consul-sd.ts')).readConsulDiscovery,
  consulagent_sd_configs: async () =>
    (await import('./consul/consul-sd.ts')).readConsulAgentDiscovery,
  dns_sd_configs: async () => (await import('./dns-sd.ts')).readDnsDiscovery,
  marathon_sd_configs: async () => (await import('./marathon-sd.ts')).readMarathonDiscovery,
  nerve_sd_configs: async () => (await import('./zookeeper/zookeeper-sd.ts')).readNerveDiscovery,
  serverset_sd_configs: async () =>
    (await import('./zookeeper/zookeeper-sd.ts')).readServersetDiscovery,
}

type DiscoveryKey = keyof typeof discoveries

export const discoveryKeys = Object.keys(discoveries) as readonly DiscoveryKey[]

/** Loads the readers of the discovery keys that the jobs use. */
export function loadDiscoveryReaders(
  jobKeys: Iterable<string>,
): Promise<Readonly<Record<DiscoveryKey, ValueReader<DiscoveryConfig[]>>>> {
  return loadReaders<DiscoveryKey, DiscoveryConfig[]>(discoveries, jobKeys)
}
