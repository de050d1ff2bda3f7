// The labels of a container, as in Prometheus's Docker discovery: one set for each network and TCP port.

import { metaLabel } from '../meta-label.ts'

/** A container in the answer of `/containers/json`. */
export interface ListedContainer {
  readonly Id: string
  readonly Names?: readonly string[]
  readonly Labels?: Readonly<Record<string, string>>
  readonly HostConfig?: { readonly NetworkMode?: string }
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, Attachment>> }
  readonly Ports?: readonly {
    readonly IP?: string
    readonly PrivatePort?: number
    readonly PublicPort?: number
    readonly Type?: string
  }[]
}

interface Attachment {
  readonly NetworkID?: string
  readonly IPAddress?: string
}

/** A network in the answer of `/networks`. */
export interface ListedNetwork {
  readonly Id: string
  readonly Name?: string
  readonly Scope?: string
  readonly Internal?: boolean
  readonly Ingress?: boolean
  readonly Labels?: Readonly<Record<string, string>>
}

export interface ContainerLabelOptions {
  /** Port in the address of a container without ports. */
  readonly port: number
  /** Address of containers on the host's network. */
  readonly hostNetworkingHost: string
  /** Uses only one of a container's networks. */
  readonly matchesFirstNetwork: boolean
}

const label = (...parts: string[]) => metaLabel('docker', ...parts)

/** Returns the labels shared by all targets of a container. */
export function containerLabels(container: ListedContainer): Map<string, string> {
  const labels = new Map([
    [label('container_id'), container.Id],
    [label('container_name'), container.Names?.[0] ?? ''],
    [label('container_network_mode'), container.HostConfig?.NetworkMode ?? ''],
  ])
  for (const [name, value] of Object.entries(container.Labels ?? {})) {
    labels.set(label('container_label', name), value)
  }
  return labels
}

/**
 * Returns the labels of each target of a container. A container without networks still has a target,
 * because it has logs.
 */
export function containerTargets(
  container: ListedContainer,
  all: ReadonlyMap<string, ListedContainer>,
  networks: ReadonlyMap<string, ListedNetwork>,
  options: ContainerLabelOptions,
): Map<string, string>[] {
  const attachments = attachmentsOf(container, all, options.matchesFirstNetwork)
  if (attachments.length === 0) return [new Map([['__address__', options.hostNetworkingHost]])]
  return attachments.flatMap(attachment => {
    const ip = attachment.IPAddress ?? ''
    const onNetwork = networkLabels('docker', networks.get(attachment.NetworkID ?? ''))
    const ports = (container.Ports ?? []).filter(({ Type }) => Type === 'tcp')
    const fallback = isOnHost(container) ? options.hostNetworkingHost : `${ip}:${options.port}`
    const ofNetwork: [string, string][] = [[label('network_ip'), ip], ...onNetwork]
    if (ports.length === 0) return [new Map([['__address__', fallback], ...ofNetwork])]
    return ports.map(({ IP = '', PrivatePort = 0, PublicPort = 0 }) => {
      const target = new Map([
        ['__address__', `${ip}:${PrivatePort}`],
        ...ofNetwork,
        [label('port_private'), String(PrivatePort)],
      ])
      if (PublicPort > 0) {
        target.set(label('port_public'), String(PublicPort)).set(label('port_public_ip'), IP)
      }
      return target
    })
  })
}

function isOnHost({ HostConfig }: ListedContainer): boolean {
  return HostConfig?.NetworkMode === 'host'
}

function attachmentsOf(
  container: ListedContainer,
  all: ReadonlyMap<string, ListedContainer>,
  matchesFirst: boolean,
): readonly Attachment[] {
  const { networks, mode } = sharedNetworks(container, all)
  const names = Object.keys(networks).sort()
  if (!matchesFirst || names.length < 2) return names.map(name => networks[name]!)
  return [networks[mode] ?? networks[names[0]!]!]
}

/** Follows the chain of containers that share each other's network. */
function sharedNetworks(
  container: ListedContainer,
  all: ReadonlyMap<string, ListedContainer>,
): { networks: Readonly<Record<string, Attachment>>; mode: string } {
  const seen = new Set<ListedContainer>()
  for (let at: ListedContainer | undefined = container; at && !seen.has(at); ) {
    seen.add(at)
    const networks = at.NetworkSettings?.Networks ?? {}
    const mode: string = at.HostConfig?.NetworkMode ?? ''
    if (Object.keys(networks).length > 0) return { networks, mode }
    at = mode.startsWith('container:') ? all.get(mode.slice('container:'.length)) : undefined
  }
  return { networks: {}, mode: '' }
}

/** Returns the labels of a network. `kind` is the prefix of their names. */
export function networkLabels(
  kind: 'docker' | 'dockerswarm',
  network: ListedNetwork | undefined,
): [string, string][] {
  if (!network) return []
  const label = (...parts: string[]) => metaLabel(kind, ...parts)
  const { Id, Name = '', Scope = '', Internal = false, Ingress = false, Labels } = network
  return [
    [label('network_id'), Id],
    [label('network_name'), Name],
    [label('network_scope'), Scope],
    [label('network_internal'), String(Internal)],
    [label('network_ingress'), String(Ingress)],
    ...Object.entries(Labels ?? {}).map(([name, value]): [string, string] => [
      label('network_label', name),
      value,
    ]),
  ]
}
