// The labels of a swarm's services, tasks and nodes, as in Prometheus.

import { joinHostPort } from '../host-port.ts'
import { metaLabel } from '../meta-label.ts'
import { type ListedNetwork, networkLabels } from './container-labels.ts'

/** What an entry can look for. */
export const swarmRoles = ['tasks', 'services', 'nodes'] as const
export type SwarmRole = (typeof swarmRoles)[number]

type Texts = Readonly<Record<string, string>> | null | undefined

interface Port {
  readonly Name?: string
  readonly Protocol?: string
  readonly PublishedPort?: number
  readonly PublishMode?: string
}

/** A service in the answer of `/services`. */
export interface ListedService {
  readonly ID: string
  readonly Spec: {
    readonly Name?: string
    readonly Labels?: Texts
    readonly Mode?: { readonly Global?: unknown; readonly Replicated?: unknown }
    readonly TaskTemplate?: {
      readonly ContainerSpec?: { readonly Image?: string; readonly Hostname?: string }
    }
  }
  readonly UpdateStatus?: { readonly State?: string } | null
  readonly Endpoint?: {
    readonly Ports?: readonly Port[] | null
    readonly VirtualIPs?: readonly { readonly NetworkID?: string; readonly Addr?: string }[] | null
  }
}

/** A task in the answer of `/tasks`. */
export interface ListedTask {
  readonly ID: string
  readonly Slot?: number
  readonly ServiceID?: string
  readonly NodeID?: string
  readonly DesiredState?: string
  readonly Status?: {
    readonly State?: string
    readonly ContainerStatus?: { readonly ContainerID?: string } | null
    readonly PortStatus?: { readonly Ports?: readonly Port[] | null }
  }
  readonly Spec?: { readonly ContainerSpec?: { readonly Labels?: Texts } | null }
  readonly NetworksAttachments?:
    | readonly {
        readonly Network?: { readonly ID?: string }
        readonly Addresses?: readonly string[] | null
      }[]
    | null
}

/** A node in the answer of `/nodes`. */
export interface ListedNode {
  readonly ID: string
  readonly Spec?: {
    readonly Role?: string
    readonly Availability?: string
    readonly Labels?: Texts
  }
  readonly Description?: {
    readonly Hostname?: string
    readonly Platform?: { readonly Architecture?: string; readonly OS?: string }
    readonly Engine?: { readonly EngineVersion?: string }
  }
  readonly Status?: { readonly State?: string; readonly Addr?: string }
  readonly ManagerStatus?: {
    readonly Leader?: boolean
    readonly Reachability?: string
    readonly Addr?: string
  } | null
}

/** A daemon's view of its swarm. Lists that the role does not need are empty. */
export interface Swarm {
  readonly services: readonly ListedService[]
  readonly tasks: readonly ListedTask[]
  readonly nodes: readonly ListedNode[]
  readonly networks: readonly ListedNetwork[]
}

type Labels = Map<string, string>

function labelsOf(
  pairs: Readonly<Record<string, string | undefined>>,
  prefix = '',
  texts: Texts = {},
): Labels {
  const labels: Labels = new Map()
  for (const [name, value] of Object.entries(pairs)) {
    if (value) labels.set(metaLabel('dockerswarm', name), value)
  }
  for (const [name, value] of Object.entries(texts ?? {})) {
    labels.set(metaLabel('dockerswarm', prefix, name), value)
  }
  return labels
}

const isTcp = ({ Protocol: protocol }: Port) => protocol === 'tcp'
/** Drops the prefix length: addresses come as `10.0.0.3/24`. */
const plainIp = (address = '') => address.replace(/\/\d+$/, '')

/** Returns one target for each node. */
export function nodeTargets({ nodes }: Swarm, port: number): Labels[] {
  return nodes.map(node => {
    const labels = nodeLabels(node)
    const { ManagerStatus: manager, Description: description, Status: status } = node
    const more = labelsOf({
      node_engine_version: description?.Engine?.EngineVersion,
      node_manager_address: manager?.Addr,
      node_manager_leader: manager ? String(manager.Leader ?? false) : undefined,
      node_manager_reachability: manager?.Reachability,
    })
    return new Map([...labels, ...more, ['__address__', joinHostPort(status?.Addr ?? '', port)]])
  })
}

function nodeLabels({ ID, Spec, Description, Status }: ListedNode): Labels {
  const pairs = {
    ...{ node_id: ID, node_role: Spec?.Role, node_availability: Spec?.Availability },
    ...{ node_hostname: Description?.Hostname, node_status: Status?.State },
    node_platform_architecture: Description?.Platform?.Architecture,
    ...{ node_platform_os: Description?.Platform?.OS, node_address: Status?.Addr },
  }
  return labelsOf(pairs, 'node_label', Spec?.Labels)
}

function serviceLabels({ ID, Spec }: ListedService): Labels {
  const mode = Spec.Mode?.Global ? 'global' : Spec.Mode?.Replicated ? 'replicated' : undefined
  const pairs = { service_id: ID, service_name: Spec.Name, service_mode: mode }
  return labelsOf(pairs, 'service_label', Spec.Labels)
}

/** Returns one target for each address and port of each service. */
export function serviceTargets({ services, networks }: Swarm, port: number): Labels[] {
  const byId = new Map(networks.map(network => [network.Id, network]))
  return services.flatMap(service => {
    const { UpdateStatus: update, Spec: spec, Endpoint: endpoint } = service
    const common = [
      ...serviceLabels(service),
      ...labelsOf({
        service_updating_status: update?.State,
        service_task_container_hostname: spec.TaskTemplate?.ContainerSpec?.Hostname,
        service_task_container_image: spec.TaskTemplate?.ContainerSpec?.Image,
      }),
    ]
    return (endpoint?.VirtualIPs ?? []).flatMap(({ NetworkID: id = '', Addr: address }) => {
      const ofNetwork = networkLabels('dockerswarm', byId.get(id))
      return eachPort(endpoint?.Ports, port, (number, { Name, PublishMode }) => [
        ...common,
        ...ofNetwork,
        ...labelsOf({
          ...{ service_endpoint_port_name: Name, service_endpoint_port_publish_mode: PublishMode },
        }),
        ['__address__', joinHostPort(plainIp(address), number)],
      ])
    })
  })
}

/** Returns one target for each published port of each task, and for each of its network addresses. */
export function taskTargets({ tasks, services, nodes, networks }: Swarm, port: number): Labels[] {
  const serviceById = new Map(services.map(service => [service.ID, service]))
  const nodeById = new Map(nodes.map(node => [node.ID, node]))
  const networkById = new Map(networks.map(network => [network.Id, network]))
  return tasks.flatMap(task => {
    const service = serviceById.get(task.ServiceID ?? '')
    const node = nodeById.get(task.NodeID ?? '')
    const pairs = {
      ...{ task_id: task.ID, task_desired_state: task.DesiredState },
      ...{ task_state: task.Status?.State, task_slot: String(task.Slot ?? 0) },
      task_container_id: task.Status?.ContainerStatus?.ContainerID,
    }
    const common = [
      ...labelsOf(pairs, 'container_label', task.Spec?.ContainerSpec?.Labels),
      ...(service ? serviceLabels(service) : []),
      ...(node ? nodeLabels(node) : []),
    ]
    const mode = ({ PublishMode }: Port) => labelsOf({ task_port_publish_mode: PublishMode })
    const published = (task.Status?.PortStatus?.Ports ?? [])
      .filter(isTcp)
      .map(
        (of): Labels =>
          new Map([
            ...[...common, ...mode(of)],
            ['__address__', joinHostPort(node?.Status?.Addr ?? '', of.PublishedPort ?? 0)],
          ]),
      )
    const attached = (task.NetworksAttachments ?? []).flatMap(({ Network, Addresses }) => {
      const ofNetwork = networkLabels('dockerswarm', networkById.get(Network?.ID ?? ''))
      return (Addresses ?? []).flatMap(address =>
        eachPort(service?.Endpoint?.Ports, port, (number, of) => [
          ...[...common, ...ofNetwork, ...mode(of)],
          ['__address__', joinHostPort(plainIp(address), number)],
        ]),
      )
    })
    return [...published, ...attached]
  })
}

/** Returns one target for each TCP port. Without ports, returns one with the configured port. */
function eachPort(
  ports: readonly Port[] | null | undefined,
  fallback: number,
  pairs: (number: number, port: Port) => [name: string, value: string][],
): Labels[] {
  const tcp = (ports ?? []).filter(isTcp)
  if (tcp.length === 0) return [new Map(pairs(fallback, {}))]
  return tcp.map(port => new Map(pairs(port.PublishedPort ?? 0, port)))
}
