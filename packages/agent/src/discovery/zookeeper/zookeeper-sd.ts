// Reads nerve_sd_configs and serverset_sd_configs, in Prometheus's form.

import { readList, readRefreshMs, readText, type ValueReader } from '@skald/config-reading'
import { zookeeperTimeoutMsMax } from '../../limits.ts'
import type { DiscoveryConfig } from '../target-group.ts'
import { type ReadMember, readNerveMember, readServersetMember } from './member-labels.ts'
import type { ServerAddress } from './session.ts'
import { type ZookeeperConfig, ZookeeperDiscovery } from './zookeeper-discovery.ts'

const defaults = { port: 2181, timeoutMs: 10_000 } as const

const readServer: ValueReader<ServerAddress> = cursor => {
  const text = readText(cursor) ?? ''
  const found = /^(?:\[([^\]/\s]+)\]|([^:/\s[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const port = Number(found?.[3] ?? defaults.port)
  const host = found?.[1] ?? found?.[2]
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port }
  return cursor.fail(
    `${cursor.name} must be an address of ZooKeeper such as zookeeper:2181, found ${cursor.describe()}`,
  )
}

// No segment is empty, `.` or `..`.
const pathPattern = /^(\/(?!\.{1,2}(\/|$))[^/]+)+$/

const readPath: ValueReader<string> = cursor => {
  const text = readText(cursor) ?? ''
  if (text === '/' || pathPattern.test(text)) return text
  return cursor.fail(
    `${cursor.name} must be a ZooKeeper path such as /services/web, which starts with / and does not end with one, found ${cursor.describe()}`,
  )
}

const examples = { servers: '[zookeeper:2181]', paths: '[/services/web]' } as const

function readEntries(
  kind: ZookeeperConfig['kind'],
  readMember: ReadMember,
): ValueReader<DiscoveryConfig[]> {
  return readList(cursor => {
    const raw = cursor.record({
      servers: readList(readServer),
      paths: readList(readPath),
      timeout: readRefreshMs,
    })
    if (!cursor.isMap) return undefined
    for (const key of ['servers', 'paths'] as const) {
      const given = cursor.get(key)
      const isMissing = given === undefined || given.isNull
      if (isMissing || (given.isList && given.items().length === 0)) {
        cursor.fail(`${kind}_sd_configs needs ${key} such as ${examples[key]}`)
      }
    }
    const { servers = [], paths = [], timeout } = raw
    const timeoutMs = Math.min(timeout || defaults.timeoutMs, zookeeperTimeoutMsMax)
    const config = { kind, servers, paths, timeoutMs, readMember }
    return { kind, create: context => new ZookeeperDiscovery(config, context) }
  })
}

/** Reads `nerve_sd_configs`. */
export const readNerveDiscovery = readEntries('nerve', readNerveMember)

/** Reads `serverset_sd_configs`. */
export const readServersetDiscovery = readEntries('serverset', readServersetMember)
