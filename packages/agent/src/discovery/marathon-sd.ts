// marathon_sd_configs: the tasks of apps on Marathon. Labels and defaults match Prometheus.

import { readList, readRefreshMs, readText, type ValueReader } from '@skald/config-reading'
import {
  httpClientFields,
  readOneAuthorization,
  readSecret,
} from '../config-reading/http-client.ts'
import type { HeaderAuthorization } from '../net/credentials.ts'
import { ApiClient, type ApiConnection } from './api-client.ts'
import { joinHostPort } from './host-port.ts'
import { metaLabel } from './meta-label.ts'
import { PolledDiscovery } from './polled-discovery.ts'
import type { Discoverer, DiscoveryConfig, DiscoveryContext, TargetGroup } from './target-group.ts'

const refreshMsDefault = 30_000

type Texts = Readonly<Record<string, string>> | null | undefined

interface PortMapping {
  readonly labels?: Texts
  readonly containerPort?: number
  readonly hostPort?: number
}

interface Task {
  readonly id: string
  readonly host?: string
  readonly ports?: readonly number[] | null
  readonly ipAddresses?: readonly { readonly ipAddress?: string }[] | null
}

/** An app in the answer of `/v2/apps`. */
interface App {
  readonly id: string
  readonly tasks?: readonly Task[] | null
  readonly labels?: Texts
  readonly container?: {
    readonly docker?: {
      readonly image?: string
      readonly portMappings?: readonly PortMapping[] | null
    } | null
    readonly portMappings?: readonly PortMapping[] | null
  } | null
  readonly portDefinitions?: readonly { readonly labels?: Texts; readonly port?: number }[] | null
  readonly networks?: readonly { readonly mode?: string }[] | null
  readonly requirePorts?: boolean
}

const readServer: ValueReader<URL> = cursor => {
  const text = readText(cursor) ?? ''
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  return cursor.fail(
    `${cursor.name} must be an http or https URL such as http://marathon:8080, found ${cursor.describe()}`,
  )
}

const readEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({
    servers: readList(readServer),
    refresh_interval: readRefreshMs,
    auth_token: readText,
    auth_token_file: readText,
    ...httpClientFields,
  })
  const authorization = readOneAuthorization(cursor, raw)
  const token = readSecret(cursor, raw.auth_token, raw.auth_token_file)
  if (token && authorization) {
    cursor.failAtKey('give an auth_token or another kind of authentication, not both')
  }
  const { servers = [], tls_config: tls, refresh_interval: refreshMs } = raw
  if (servers.length === 0) {
    const given = cursor.get('servers')
    const isEmpty = given?.isNull !== false || (given.isList && given.items().length === 0)
    // Each entry of a list that is not empty has already been refused.
    if (!isEmpty) return undefined
    return cursor.fail('marathon_sd_configs needs servers such as [http://marathon:8080]')
  }
  const own: HeaderAuthorization | undefined = token && {
    ...{ kind: 'header', type: 'token', separator: '=', credentials: token },
  }
  const letIn = authorization ?? own
  const connections = servers.map(
    (url): ApiConnection => ({ url, ...(letIn && { authorization: letIn }), ...(tls && { tls }) }),
  )
  return {
    kind: 'marathon',
    create: context => createMarathonDiscovery(connections, refreshMs || refreshMsDefault, context),
  }
}

/** Reads `marathon_sd_configs`. */
export const readMarathonDiscovery: ValueReader<DiscoveryConfig[]> = readList(readEntry)

/** Asks the servers in turn until one answers. */
function createMarathonDiscovery(
  connections: readonly ApiConnection[],
  refreshMs: number,
  context: DiscoveryContext,
): Discoverer {
  const clients = connections.map(connection => new ApiClient(connection, context.userAgent))
  return new PolledDiscovery({
    ...{ key: 'marathon_sd_configs', refreshMs, context },
    async poll(signal) {
      const problems: string[] = []
      for (const client of clients) {
        try {
          const listed = await client.getJson('/v2/apps/', { embed: 'apps.tasks' }, signal)
          const { apps } = listed as { readonly apps: readonly App[] }
          return { groups: apps.map(groupOf) }
        } catch (error) {
          if (signal.aborted) throw error
          problems.push((error as Error).message)
        }
      }
      throw new Error(problems.join('; '))
    },
    close: () => {
      for (const client of clients) client.close()
    },
  })
}

const label = (...parts: string[]) => metaLabel('marathon', ...parts)

function groupOf(app: App): TargetGroup {
  const labels = new Map([[label('app'), app.id]])
  const image = app.container?.docker?.image
  if (image) labels.set(label('image'), image)
  for (const [name, value] of Object.entries(app.labels ?? {})) {
    labels.set(label('app_label', name), value)
  }
  return { source: `marathon/${app.id}`, labels, targets: targetsOf(app) }
}

/** Returns a target for each port of each task. */
function targetsOf(app: App): Map<string, string>[] {
  const isOnContainerNet = app.networks?.[0]?.mode === 'container'
  const { ports, labels, prefix } = portsOf(app, isOnContainerNet)
  return (app.tasks ?? []).flatMap(task => {
    const own = task.ports ?? []
    const host = (isOnContainerNet ? task.ipAddresses?.[0]?.ipAddress : undefined) ?? task.host
    return (ports.length > 0 ? ports : own).map((written, i) => {
      // For a port of 0, Marathon picked one for the task.
      const port = written === 0 && own.length === ports.length ? own[i]! : written
      const target = new Map([
        ['__address__', joinHostPort(host ?? '', port)],
        [label('task'), task.id],
        [label('port_index'), String(i)],
      ])
      for (const [name, value] of Object.entries(labels[i] ?? {})) {
        target.set(label(prefix, name), value)
      }
      return target
    })
  })
}

/** Returns an app's ports with their labels. Their place in the JSON depends on Marathon's version. */
function portsOf(app: App, isOnContainerNet: boolean) {
  const { container, portDefinitions, requirePorts = false } = app
  const mappings = [container?.portMappings, container?.docker?.portMappings].find(
    found => found && found.length > 0,
  )
  if (mappings) {
    return {
      // Containers on a container network are reached there, others through their host.
      ports: mappings.map(of => (isOnContainerNet ? of.containerPort : of.hostPort) ?? 0),
      labels: mappings.map(of => of.labels),
      prefix: 'port_mapping_label',
    }
  }
  const definitions = portDefinitions ?? []
  return {
    ports: definitions.map(({ port = 0 }) => (requirePorts ? port : 0)),
    labels: definitions.map(of => of.labels),
    prefix: 'port_definition_label',
  }
}
