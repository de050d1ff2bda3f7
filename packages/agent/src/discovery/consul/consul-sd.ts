// Reads consul_sd_configs and consulagent_sd_configs, in the form that Prometheus and Promtail use.

import {
  readBoolean,
  readList,
  readOneOf,
  readRefreshMs,
  readText,
  readTextMap,
  readTexts,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { httpClientFields, readOneAuthorization } from '../../config-reading/http-client.ts'
import type { ApiConnection } from '../api-client.ts'
import type { DiscoveryConfig } from '../target-group.ts'
import { createConsulAgentDiscovery } from './consul-agent.ts'
import { createConsulDiscovery } from './consul-catalog.ts'
import type { ConsulConfig } from './consul-config.ts'

const defaults = { server: 'localhost:8500', refreshMs: 30_000, tagSeparator: ',' } as const

const commonFields = {
  server: readText,
  token: readText,
  datacenter: readText,
  tag_separator: readText,
  scheme: readOneOf(['http', 'https'] as const),
  username: readText,
  password: readText,
  allow_stale: readBoolean,
  refresh_interval: readRefreshMs,
  services: readTexts,
  tags: readTexts,
  node_meta: readTextMap,
}

const readCatalogEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({
    ...commonFields,
    path_prefix: readText,
    namespace: readText,
    partition: readText,
    ...httpClientFields,
  })
  const authorization = readOneAuthorization(cursor, raw)
  if (authorization && (raw.username !== undefined || raw.password !== undefined)) {
    cursor.failAtKey('give username and password or another kind of authentication, not both')
  }
  if (raw.token && authorization && authorization.kind !== 'basic') {
    cursor.failAtKey('give a token or another authorization, not both')
  }
  const config = readCommon(cursor, raw)
  if (!config) return undefined
  const { connection } = config
  connection.url.pathname = raw.path_prefix ?? '/'
  const complete: ConsulConfig = {
    ...config,
    connection: { ...connection, ...(authorization && { authorization }) },
    namespace: raw.namespace ?? '',
    partition: raw.partition ?? '',
  }
  return { kind: 'consul', create: context => createConsulDiscovery(complete, context) }
}

const readAgentEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({ ...commonFields, tls_config: httpClientFields.tls_config })
  const config = readCommon(cursor, raw)
  if (!config) return undefined
  return { kind: 'consulagent', create: context => createConsulAgentDiscovery(config, context) }
}

type Common = {
  readonly [K in keyof typeof commonFields]?: ReturnType<(typeof commonFields)[K]>
} & { readonly tls_config?: ReturnType<typeof httpClientFields.tls_config> }

function readCommon(cursor: YamlCursor, raw: Common): ConsulConfig | undefined {
  const { server = defaults.server, scheme = 'http', username, password, token } = raw
  const [, ownScheme = scheme, address = ''] = /^(?:(https?|unix):\/\/)?(.*)$/.exec(server) ?? []
  const isSocket = ownScheme === 'unix'
  const urlText = isSocket ? 'http://consul' : `${ownScheme}://${address}`
  if (address.trim() === '' || !URL.canParse(urlText)) {
    const place = cursor.get('server') ?? cursor
    return place.failAtKey(
      `${place.name} must be an address of Consul such as localhost:8500, found ${place.describe()}`,
    )
  }
  const given = (text: string | undefined) => ({ text: text ?? '' })
  const connection: ApiConnection = {
    url: new URL(urlText),
    ...(isSocket && { socketPath: address }),
    ...(token && { headers: { 'x-consul-token': token } }),
    ...((username !== undefined || password !== undefined) && {
      authorization: { kind: 'basic', username: given(username), password: given(password) },
    }),
    ...(raw.tls_config && { tls: raw.tls_config }),
  }
  return {
    ...{ connection, datacenter: raw.datacenter ?? '', namespace: '', partition: '' },
    tagSeparator: raw.tag_separator ?? defaults.tagSeparator,
    allowsStale: raw.allow_stale ?? true,
    services: raw.services ?? [],
    tags: raw.tags ?? [],
    nodeMeta: raw.node_meta ?? new Map(),
    refreshMs: raw.refresh_interval || defaults.refreshMs,
  }
}

/** Reads `consul_sd_configs`. */
export const readConsulDiscovery: ValueReader<DiscoveryConfig[]> = readList(readCatalogEntry)

/** Reads `consulagent_sd_configs`. */
export const readConsulAgentDiscovery: ValueReader<DiscoveryConfig[]> = readList(readAgentEntry)
