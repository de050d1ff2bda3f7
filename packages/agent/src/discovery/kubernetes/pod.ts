// Role pod: a target for each port of each container, or for a container without ports. Unlike in
// Prometheus, pods without an IP and ephemeral containers are targets too, because they have logs.

import { joinHostPort } from '../host-port.ts'
import type { TargetGroup } from '../target-group.ts'
import { kubernetesLabel, metaLabels, namespaceLabel } from './object-labels.ts'
import { type ObjectMeta, type RawObject, readMeta } from './objects.ts'

interface RawContainer {
  readonly name?: string
  readonly image?: string
  readonly ports?: readonly {
    readonly name?: string
    readonly containerPort?: number
    readonly protocol?: string
  }[]
}

interface RawStatus {
  readonly name?: string
  readonly containerID?: string
}

interface RawPod extends RawObject {
  readonly spec?: {
    readonly nodeName?: string
    readonly containers?: readonly RawContainer[]
    readonly initContainers?: readonly RawContainer[]
    readonly ephemeralContainers?: readonly RawContainer[]
  }
  readonly status?: {
    readonly phase?: string
    readonly podIP?: string
    readonly hostIP?: string
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[]
    readonly containerStatuses?: readonly RawStatus[]
    readonly initContainerStatuses?: readonly RawStatus[]
    readonly ephemeralContainerStatuses?: readonly RawStatus[]
  }
}

/** A port of a container. */
export interface ContainerPort {
  readonly name: string
  readonly number: number
  readonly protocol: string
}

/** A container of any kind. */
export interface Container {
  readonly name: string
  readonly image: string
  /** `containerd://…`. Empty until the container is created. */
  readonly id: string
  readonly kind: 'main' | 'init' | 'ephemeral'
  readonly ports: readonly ContainerPort[]
}

/** The parts of a pod that discovery keeps. */
export interface Pod {
  readonly meta: ObjectMeta
  readonly nodeName: string
  readonly phase: string
  /** Empty until the pod has an IP. */
  readonly ip: string
  readonly hostIp: string
  /** `true`, `false` or `unknown`. */
  readonly ready: string
  readonly containers: readonly Container[]
}

/** Reads a pod from the API's JSON. */
export function readPod(raw: RawPod): Pod {
  const { spec = {}, status = {} } = raw
  const ready = status.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'unknown'
  return {
    meta: readMeta(raw),
    nodeName: spec.nodeName ?? '',
    phase: status.phase ?? '',
    ip: status.podIP ?? '',
    hostIp: status.hostIP ?? '',
    ready: ready.toLowerCase(),
    containers: [
      ...readContainers('main', spec.containers, status.containerStatuses),
      ...readContainers('init', spec.initContainers, status.initContainerStatuses),
      ...readContainers('ephemeral', spec.ephemeralContainers, status.ephemeralContainerStatuses),
    ],
  }
}

function readContainers(
  kind: Container['kind'],
  raw: readonly RawContainer[] | undefined,
  statuses: readonly RawStatus[] | undefined,
): Container[] {
  return (raw ?? []).map(({ name = '', image = '', ports = [] }) => ({
    ...{ name, image, kind },
    id: statuses?.find(status => status.name === name)?.containerID ?? '',
    ports: ports.map(port => ({
      name: port.name ?? '',
      number: port.containerPort ?? 0,
      protocol: port.protocol ?? 'TCP',
    })),
  }))
}

/** Yields the labels shared by all targets of a pod, except its namespace. */
export function* podLabels({ meta, ...pod }: Pod): Iterable<[string, string]> {
  yield* metaLabels('pod', meta)
  yield [kubernetesLabel('pod_ip'), pod.ip]
  yield [kubernetesLabel('pod_ready'), pod.ready]
  yield [kubernetesLabel('pod_phase'), pod.phase]
  yield [kubernetesLabel('pod_node_name'), pod.nodeName]
  yield [kubernetesLabel('pod_host_ip'), pod.hostIp]
  yield [kubernetesLabel('pod_uid'), meta.uid]
  if (!meta.controller) return
  yield [kubernetesLabel('pod_controller_kind'), meta.controller.kind]
  yield [kubernetesLabel('pod_controller_name'), meta.controller.name]
}

/** Yields the labels of a container. */
export function* containerLabels({ name, id, image, kind }: Container): Iterable<[string, string]> {
  yield [kubernetesLabel('pod_container_name'), name]
  yield [kubernetesLabel('pod_container_id'), id]
  yield [kubernetesLabel('pod_container_image'), image]
  yield [kubernetesLabel('pod_container_init'), String(kind === 'init')]
  if (kind === 'ephemeral') yield [kubernetesLabel('pod_container_ephemeral'), 'true']
}

/** Yields the labels of a container's port. */
export function* portLabels({ name, number, protocol }: ContainerPort): Iterable<[string, string]> {
  yield [kubernetesLabel('pod_container_port_name'), name]
  yield [kubernetesLabel('pod_container_port_number'), String(number)]
  yield [kubernetesLabel('pod_container_port_protocol'), protocol]
}

/** Returns the targets of a pod. `attached` holds labels of its node or namespace. */
export function podGroup(pod: Pod, attached: Iterable<readonly [string, string]>): TargetGroup {
  const { namespace, name } = pod.meta
  const targets = pod.containers.flatMap(container => {
    const labels = [...containerLabels(container)]
    if (container.ports.length === 0) return [new Map([['__address__', pod.ip], ...labels])]
    return container.ports.map(port => {
      const address = pod.ip === '' ? '' : joinHostPort(pod.ip, port.number)
      return new Map([['__address__', address], ...labels, ...portLabels(port)])
    })
  })
  return {
    source: `pod/${namespace}/${name}`,
    labels: new Map([namespaceLabel(namespace), ...podLabels(pod), ...attached]),
    targets,
  }
}
