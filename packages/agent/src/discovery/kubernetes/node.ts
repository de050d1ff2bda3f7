// Role node: one target for each node, at its kubelet.

import { joinHostPort } from '../host-port.ts'
import type { TargetGroup } from '../target-group.ts'
import { attachedLabels, kubernetesLabel, metaLabels } from './object-labels.ts'
import { type ObjectMeta, type RawObject, readMeta } from './objects.ts'

interface RawNode extends RawObject {
  readonly spec?: { readonly providerID?: string }
  readonly status?: {
    readonly addresses?: readonly { readonly type?: string; readonly address?: string }[]
    readonly daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: number } }
  }
}

/** The parts of a node that discovery keeps. */
export interface Node {
  readonly meta: ObjectMeta
  readonly providerId: string
  readonly addresses: readonly { readonly type: string; readonly address: string }[]
  readonly kubeletPort: number
}

/** Reads a node from the API's JSON. */
export function readNode(raw: RawNode): Node {
  const { spec = {}, status = {} } = raw
  return {
    meta: readMeta(raw),
    providerId: spec.providerID ?? '',
    addresses: (status.addresses ?? []).map(({ type = '', address = '' }) => ({ type, address })),
    kubeletPort: status.daemonEndpoints?.kubeletEndpoint?.Port ?? 0,
  }
}

// Kinds of addresses for a target, in order of preference, like in Prometheus.
const addressKinds = [
  ...['InternalIP', 'InternalDNS', 'ExternalIP', 'ExternalDNS', 'LegacyHostIP', 'Hostname'],
]

/** Yields the labels that a node adds to the targets on it. */
export function* nodeLabels({ meta }: Node): Iterable<[string, string]> {
  yield [kubernetesLabel('node_name'), meta.name]
  yield* attachedLabels('node', meta)
}

/** Returns the target of a node. A node without an address has none. */
export function nodeGroup({ meta, providerId, addresses, kubeletPort }: Node): TargetGroup {
  const chosen = addressKinds
    .map(kind => addresses.find(({ type }) => type === kind))
    .find(found => found !== undefined)
  const target = new Map<string, string>()
  if (chosen) {
    target.set('__address__', joinHostPort(chosen.address, kubeletPort)).set('instance', meta.name)
  }
  for (const { type, address } of addresses) {
    const name = kubernetesLabel('node_address', type)
    if (!target.has(name)) target.set(name, address)
  }
  return {
    source: `node/${meta.name}`,
    labels: new Map([
      ...metaLabels('node', meta),
      [kubernetesLabel('node_provider_id'), providerId],
    ]),
    targets: chosen ? [target] : [],
  }
}
