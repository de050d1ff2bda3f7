// Role endpointslice: like endpoints, from the slices that replaced them.

import { joinHostPort } from '../host-port.ts'
import type { TargetGroup } from '../target-group.ts'
import { type EndpointContext, EndpointTargets, type ObjectReference } from './endpoint-targets.ts'
import { kubernetesLabel, metaLabels, namespaceLabel } from './object-labels.ts'
import { type ObjectMeta, type RawObject, readMeta } from './objects.ts'
import { type Service, serviceLabels } from './service.ts'

interface Endpoint {
  readonly addresses?: readonly string[]
  readonly hostname?: string
  readonly nodeName?: string
  readonly zone?: string
  readonly targetRef?: ObjectReference
  readonly conditions?: Readonly<Record<string, boolean>>
  readonly deprecatedTopology?: Readonly<Record<string, string>>
}

interface SlicePort {
  readonly name?: string
  readonly port?: number
  readonly protocol?: string
  readonly appProtocol?: string
}

/** The parts of an EndpointSlice that discovery keeps. */
export interface EndpointSlice {
  readonly meta: ObjectMeta
  readonly addressType: string
  readonly endpoints: readonly Endpoint[]
  readonly ports: readonly SlicePort[]
}

/** Reads a slice from the API's JSON. */
export function readEndpointSlice(
  raw: RawObject & {
    readonly addressType?: string
    readonly endpoints?: readonly Endpoint[] | null
    readonly ports?: readonly SlicePort[] | null
  },
): EndpointSlice {
  const { addressType = '', endpoints, ports } = raw
  return { meta: readMeta(raw), addressType, endpoints: endpoints ?? [], ports: ports ?? [] }
}

/** Returns the name of the service that a slice belongs to. */
export function serviceNameOf({ meta }: EndpointSlice): string {
  return meta.labels['kubernetes.io/service-name'] ?? ''
}

const label = (...parts: string[]) => kubernetesLabel('endpointslice', ...parts)

/** Returns the targets of a slice. */
export function endpointSliceGroup(
  { meta, addressType, endpoints, ports }: EndpointSlice,
  service: Service | undefined,
  context: EndpointContext,
): TargetGroup {
  const found = new EndpointTargets(meta.namespace, context)
  for (const port of ports) {
    for (const endpoint of endpoints) {
      for (const address of endpoint.addresses ?? []) {
        const labels = [
          ['__address__', port.port === undefined ? address : joinHostPort(address, port.port)],
          ...portLabelsOf(port),
          ...endpointLabels(endpoint),
        ] as const satisfies (readonly [string, string])[]
        const { nodeName, targetRef } = endpoint
        found.add({ labels, port: port.port, nodeName, reference: targetRef })
      }
    }
  }
  found.addRemainingPorts()
  return {
    source: `endpointslice/${meta.namespace}/${meta.name}`,
    labels: new Map([
      namespaceLabel(meta.namespace),
      [label('address_type'), addressType],
      ...metaLabels('endpointslice', meta),
      ...(service ? serviceLabels(service) : []),
    ]),
    targets: found.targets,
  }
}

function* portLabelsOf(port: SlicePort): Iterable<[string, string]> {
  if (port.name !== undefined) yield [label('port_name'), port.name]
  if (port.protocol !== undefined) yield [label('port_protocol'), port.protocol]
  if (port.port !== undefined) yield [label('port'), String(port.port)]
  if (port.appProtocol !== undefined) yield [label('port_app_protocol'), port.appProtocol]
}

function* endpointLabels(endpoint: Endpoint): Iterable<[string, string]> {
  for (const condition of ['ready', 'serving', 'terminating']) {
    const value = endpoint.conditions?.[condition]
    if (value !== undefined) yield [label('endpoint_conditions', condition), String(value)]
  }
  const { hostname, nodeName, zone, targetRef, deprecatedTopology = {} } = endpoint
  if (hostname !== undefined) yield [label('endpoint_hostname'), hostname]
  if (targetRef) {
    yield [label('address_target_kind'), targetRef.kind ?? '']
    yield [label('address_target_name'), targetRef.name ?? '']
  }
  if (nodeName !== undefined) yield [label('endpoint_node_name'), nodeName]
  if (zone !== undefined) yield [label('endpoint_zone'), zone]
  for (const [name, value] of Object.entries(deprecatedTopology)) {
    yield [label('endpoint_topology', name), value]
    yield [label('endpoint_topology_present', name), 'true']
  }
}
