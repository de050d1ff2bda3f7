// The kinds of discovery. A new one is a file in this folder and a row here.

import { readConsulAgentDiscovery, readConsulDiscovery } from './consul/consul-sd.ts'
import { readDnsDiscovery } from './dns-sd.ts'
import { readDockerDiscovery, readSwarmDiscovery } from './docker/docker-sd.ts'
import { readFileDiscovery } from './file-sd.ts'
import { readKubernetesDiscovery } from './kubernetes/kubernetes-sd.ts'
import { readMarathonDiscovery } from './marathon-sd.ts'
import { readNerveDiscovery, readServersetDiscovery } from './zookeeper/zookeeper-sd.ts'

/** Readers of the keys of a job under which targets are looked for. */
export const discoveryReaders = {
  file_sd_configs: readFileDiscovery,
  kubernetes_sd_configs: readKubernetesDiscovery,
  docker_sd_configs: readDockerDiscovery,
  dockerswarm_sd_configs: readSwarmDiscovery,
  consul_sd_configs: readConsulDiscovery,
  consulagent_sd_configs: readConsulAgentDiscovery,
  dns_sd_configs: readDnsDiscovery,
  marathon_sd_configs: readMarathonDiscovery,
  nerve_sd_configs: readNerveDiscovery,
  serverset_sd_configs: readServersetDiscovery,
}

export const discoveryKeys = Object.keys(discoveryReaders) as (keyof typeof discoveryReaders)[]
