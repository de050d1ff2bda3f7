// Reads docker_sd_configs and dockerswarm_sd_configs.

import {
  readBoolean,
  readCount,
  readList,
  readOneOf,
  readRefreshMs,
  readText,
  readTexts,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { httpClientFields, readOneAuthorization } from '../../config-reading/http-client.ts'
import type { HeaderAuthorization } from '../../net/credentials.ts'
import type { ApiConnection } from '../api-client.ts'
import type { DiscoveryConfig } from '../target-group.ts'
import { type DockerConfig, DockerDiscovery } from './docker-discovery.ts'
import { createSwarmDiscovery } from './swarm-discovery.ts'
import { swarmRoles } from './swarm-labels.ts'

const defaults = { port: 80, refreshMs: 60_000, hostNetworkingHost: 'localhost' } as const

type Host = Pick<ApiConnection, 'url' | 'socketPath'>

const readHost: ValueReader<Host> = cursor => {
  const text = readText(cursor) ?? ''
  const socket = /^unix:\/\/(\/.+)$/.exec(text)
  if (socket) return { url: new URL('http://docker'), socketPath: socket[1]! }
  const address = /^(tcp|https?):\/\/([^/]+)(\/.*)?$/.exec(text)
  if (address && URL.canParse(`http://${address[2]}`)) {
    const scheme = address[1] === 'https' ? 'https' : 'http'
    return { url: new URL(`${scheme}://${address[2]}${address[3] ?? ''}`) }
  }
  return cursor.failAtKey(
    `${cursor.name} must be an address of Docker such as unix:///var/run/docker.sock or tcp://127.0.0.1:2375, found ${cursor.describe()}`,
  )
}

const readFilter: ValueReader<{ name: string; values: string[] }> = cursor => {
  const raw = cursor.record({ name: readText, values: readTexts })
  if (!raw.name) return cursor.fail('A filter needs a name, such as label or name')
  return { name: raw.name, values: raw.values ?? [] }
}

const commonFields = {
  host: readHost,
  port: readCount,
  filters: readList(readFilter),
  refresh_interval: readRefreshMs,
  ...httpClientFields,
}

type Common = { readonly [K in keyof typeof commonFields]?: ReturnType<(typeof commonFields)[K]> }

/** Reads the keys of both kinds: the daemon and which objects to list. */
function readCommon(
  cursor: YamlCursor,
  raw: Common,
  authorization: HeaderAuthorization | undefined,
) {
  if (!raw.host) {
    const given = cursor.get('host')
    if (given?.isNull === false) return undefined
    return cursor.fail(`${cursor.name} needs a host such as unix:///var/run/docker.sock`)
  }
  const { url, socketPath } = raw.host
  // Like Docker's own client: with certificates, tcp means TLS.
  if (raw.tls_config && socketPath === undefined) url.protocol = 'https:'
  const filters: Record<string, string[]> = {}
  for (const { name, values } of raw.filters ?? []) {
    filters[name] = [...(filters[name] ?? []), ...values]
  }
  return {
    connection: {
      url,
      ...(socketPath && { socketPath }),
      ...(authorization && { authorization }),
      ...(raw.tls_config && { tls: raw.tls_config }),
    },
    filters,
    port: raw.port ?? defaults.port,
    refreshMs: raw.refresh_interval || defaults.refreshMs,
  }
}

const readEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({
    ...commonFields,
    host_networking_host: readText,
    match_first_network: readBoolean,
  })
  const common = readCommon(cursor, raw, readOneAuthorization(cursor, raw))
  if (!common) return undefined
  const config: DockerConfig = {
    ...common,
    hostNetworkingHost: raw.host_networking_host ?? defaults.hostNetworkingHost,
    matchesFirstNetwork: raw.match_first_network ?? true,
  }
  return { kind: 'docker', create: context => new DockerDiscovery(config, context) }
}

const readSwarmEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({ ...commonFields, role: readOneOf(swarmRoles) })
  const common = readCommon(cursor, raw, readOneAuthorization(cursor, raw))
  if (!common) return undefined
  const { role } = raw
  if (!role) {
    if (cursor.has('role')) return undefined
    return cursor.fail(`${cursor.name} needs a role: ${swarmRoles.join(', ')}`)
  }
  const config = { ...common, role }
  return { kind: 'dockerswarm', create: context => createSwarmDiscovery(config, context) }
}

/** Reads `dockerswarm_sd_configs`. */
export const readSwarmDiscovery: ValueReader<DiscoveryConfig[]> = readList(readSwarmEntry)

/** Reads `docker_sd_configs`. */
export const readDockerDiscovery: ValueReader<DiscoveryConfig[]> = readList(readEntry)
