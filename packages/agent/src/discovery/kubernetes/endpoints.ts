// Role endpoints: a target for each address and port of a service, and for the other ports of its pods.

import { joinHostPort } from '../host-port.ts'
import type { TargetGroup } from '../target-group.ts'
import { type EndpointContext, EndpointTargets, type ObjectReference } from './endpoint-targets.ts'
import { kubernetesLabel, metaLabels, namespaceLabel } from './object-labels.ts'
import { type ObjectMeta, type RawObject, readMeta } from './objects.ts'
import { type Service, serviceLabels } from './service.ts'

interface RawAddress {
  readonly ip?: string
  readonly hostname?: string
  readonly nodeName?: string
  readonly targetRef?: ObjectReference
}

interface Subset {
  readonly addresses?: readonly RawAddress[]
  readonly notReadyAddresses?: readonly RawAddress[]
  readonly ports?: readonly {
    readonly name?: string
    readonly port?: number
    readonly protocol?: string
  }[]
}

/** The parts of an Endpoints object that discovery keeps. */
export interface Endpoints {
  readonly meta: ObjectMeta
  readonly subsets: readonly Subset[]
}

/** Reads endpoints from the API's JSON. */
export function readEndpoints(
  raw: RawObject & { readonly subsets?: readonly Subset[] },
): Endpoints {
  return { meta: readMeta(raw), subsets: raw.subsets ?? [] }
}

/** Returns the targets of endpoints. `service` is the service of the same name. */
export function endpointsGroup(
  { meta, subsets }: Endpoints,
  service: Service | undefined,
  context: EndpointContext,
): TargetGroup {
  const found = new EndpointTargets(meta.namespace, context)
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    for (const { name = '', port = 0, protocol = 'TCP' } of ports) {
      const add = (address: RawAddress, ready: string) => {
        const { ip = '', hostname = '', nodeName, targetRef } = address
        const labels: [string, string][] = [
          ['__address__', joinHostPort(ip, port)],
          [kubernetesLabel('endpoint_port_name'), name],
          [kubernetesLabel('endpoint_port_protocol'), protocol],
          [kubernetesLabel('endpoint_ready'), ready],
          [kubernetesLabel('endpoint_address_target_kind'), targetRef?.kind ?? ''],
          [kubernetesLabel('endpoint_address_target_name'), targetRef?.name ?? ''],
          [kubernetesLabel('endpoint_node_name'), nodeName ?? ''],
          [kubernetesLabel('endpoint_hostname'), hostname],
        ]
        found.add({ labels, port, nodeName, reference: targetRef })
      }
      for (const address of addresses) add(address, 'true')
      for (const address of notReadyAddresses) add(address, 'false')
    }
  }
  found.addRemainingPorts()
  return {
    source: `endpoints/${meta.namespace}/${meta.name}`,
    labels: new Map([
      namespaceLabel(meta.namespace),
      ...metaLabels('endpoints', meta),
      ...(service ? serviceLabels(service) : []),
    ]),
    targets: found.targets,
  }
}
