// dns_sd_configs: targets that the DNS lists under a name. Labels and defaults match Prometheus. Names are
// looked up exactly as written, without the host's search domains.

import { NODATA, NOTFOUND } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import {
  readCount,
  readList,
  readOneOf,
  readRefreshMs,
  readTexts,
  type ValueReader,
} from '@skald/config-reading'
import { dnsAnswerMs } from '../limits.ts'
import { joinHostPort } from './host-port.ts'
import { metaLabel } from './meta-label.ts'
import { PolledDiscovery } from './polled-discovery.ts'
import type { Discoverer, DiscoveryConfig, DiscoveryContext, TargetGroup } from './target-group.ts'

const recordTypes = ['SRV', 'A', 'AAAA', 'MX', 'NS'] as const
type RecordType = (typeof recordTypes)[number]

const refreshMsDefault = 30_000

/** One checked entry of `dns_sd_configs`. */
export interface DnsConfig {
  readonly names: readonly string[]
  readonly type: RecordType
  /** Port of the targets. SRV records bring their own. */
  readonly port: number
  readonly refreshMs: number
}

const readEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({
    names: readTexts,
    type: readOneOf(recordTypes, { ignoreCase: true }),
    port: readCount,
    refresh_interval: readRefreshMs,
  })
  const { names, type = 'SRV', port = 0 } = raw
  if (!names || names.length === 0) {
    return cursor.fail('dns_sd_configs needs names, such as [_http._tcp.example.org]')
  }
  if (type !== 'SRV' && port === 0) {
    return cursor.fail(`dns_sd_configs needs a port: records of type ${type} have none`)
  }
  const config = { names, type, port, refreshMs: raw.refresh_interval || refreshMsDefault }
  return { kind: 'dns', create: context => createDnsDiscovery(config, context) }
}

/** Reads `dns_sd_configs`. */
export const readDnsDiscovery: ValueReader<DiscoveryConfig[]> = readList(readEntry)

/** Creates the discovery of an entry. Tests pass `servers` (`address:port`) to replace the host's. */
export function createDnsDiscovery(
  { names, type, port, refreshMs }: DnsConfig,
  context: DiscoveryContext,
  servers?: readonly string[],
): Discoverer {
  const resolver = new Resolver({ timeout: dnsAnswerMs, tries: 2 })
  if (servers) resolver.setServers(servers)
  const last = new Map<string, TargetGroup>()
  return new PolledDiscovery({
    ...{ key: 'dns_sd_configs', refreshMs, context },
    async poll() {
      const problems: string[] = []
      const groups = await Promise.all(
        names.map(async name => {
          try {
            const found = await lookUp(resolver, name, type, port)
            const targets = found.map(labels => withName(name, labels))
            const group = { source: `dns/${name}`, labels: new Map<string, string>(), targets }
            last.set(name, group)
            return group
          } catch (error) {
            problems.push((error as Error).message)
            // If no server answers, the last targets stay.
            return last.get(name)
          }
        }),
      )
      const problem = problems.length > 0 ? problems.sort().join('; ') : undefined
      return { groups: groups.filter(group => group !== undefined), problem }
    },
    close: () => resolver.cancel(),
  })
}

type Found = readonly (readonly [name: string, value: string])[]

/**
 * Looks up a name. A name without records yields none.
 *
 * @throws the resolver's error if no server answers.
 */
async function lookUp(
  resolver: Resolver,
  name: string,
  type: RecordType,
  port: number,
): Promise<Found[]> {
  try {
    switch (type) {
      case 'SRV':
        return (await resolver.resolveSrv(name)).map(record => [
          ['__address__', joinHostPort(record.name, record.port)],
          [metaLabel('dns_srv_record_target'), `${record.name}.`],
          [metaLabel('dns_srv_record_port'), String(record.port)],
        ])
      case 'MX':
        return (await resolver.resolveMx(name)).map(({ exchange }) => [
          ['__address__', joinHostPort(exchange, port)],
          [metaLabel('dns_mx_record_target'), `${exchange}.`],
        ])
      case 'NS':
        return (await resolver.resolveNs(name)).map(server => [
          ['__address__', joinHostPort(server, port)],
          [metaLabel('dns_ns_record_target'), `${server}.`],
        ])
      case 'A':
        return addresses(await resolver.resolve4(name), port)
      case 'AAAA':
        return addresses(await resolver.resolve6(name), port)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === NODATA || code === NOTFOUND) return []
    throw error
  }
}

const addresses = (all: readonly string[], port: number): Found[] =>
  all.map(address => [['__address__', joinHostPort(address, port)]])

function withName(name: string, found: Found): ReadonlyMap<string, string> {
  return new Map([...found, [metaLabel('dns_name'), name]])
}
