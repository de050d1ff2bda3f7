// The kinds of discovery. A new one is a file in this folder and a row here.

import { createRequire } from 'node:module'
import type { ValueReader } from '../config/yaml-cursor.ts'
import type { DiscoveryConfig } from './target-group.ts'

const load = createRequire(import.meta.url)

/** Each is loaded when a job has it: modules are most of what an idle agent takes. */
const discoveries = {
  file_sd_configs: () => (load('./file-sd.ts') as typeof import('./file-sd.ts')).readFileDiscovery,
  kubernetes_sd_configs: () =>
    (load('./kubernetes/kubernetes-sd.ts') as typeof import('./kubernetes/kubernetes-sd.ts'))
      .readKubernetesDiscovery,
  docker_sd_configs: () =>
    (load('./docker/docker-sd.ts') as typeof import('./docker/docker-sd.ts')).readDockerDiscovery,
  dockerswarm_sd_configs: () =>
    (load('./docker/docker-sd.ts') as typeof import('./docker/docker-sd.ts')).readSwarmDiscovery,
  consul_sd_configs: () =>
    (load('./consul/consul-sd.ts') as typeof import('./consul/consul-sd.ts')).readConsulDiscovery,
  consulagent_sd_configs: () =>
    (load('./consul/consul-sd.ts') as typeof import('./consul/consul-sd.ts'))
      .readConsulAgentDiscovery,
  dns_sd_configs: () => (load('./dns-sd.ts') as typeof import('./dns-sd.ts')).readDnsDiscovery,
  marathon_sd_configs: () =>
    (load('./marathon-sd.ts') as typeof import('./marathon-sd.ts')).readMarathonDiscovery,
  nerve_sd_configs: () =>
    (load('./zookeeper/zookeeper-sd.ts') as typeof import('./zookeeper/zookeeper-sd.ts'))
      .readNerveDiscovery,
  serverset_sd_configs: () =>
    (load('./zookeeper/zookeeper-sd.ts') as typeof import('./zookeeper/zookeeper-sd.ts'))
      .readServersetDiscovery,
} satisfies Readonly<Record<string, () => ValueReader<DiscoveryConfig[]>>>

export type DiscoveryKey = keyof typeof discoveries

export const discoveryKeys = Object.keys(discoveries) as readonly DiscoveryKey[]

/** Readers of the keys of a job under which targets are looked for. */
export const discoveryReaders = Object.fromEntries(
  discoveryKeys.map(key => [key, cursor => discoveries[key]()(cursor)]),
) as Readonly<Record<DiscoveryKey, ValueReader<DiscoveryConfig[]>>>
