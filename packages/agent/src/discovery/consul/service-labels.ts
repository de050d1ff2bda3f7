// Labels of a service that come from a Consul catalog and a Consul agent alike.

import { joinHostPort } from '../host-port.ts'
import { metaLabel } from '../meta-label.ts'

export interface ConsulService {
  readonly ID: string
  readonly Service: string
  readonly Address?: string
  readonly Port?: number
  readonly Tags?: readonly string[] | null
  readonly Meta?: Readonly<Record<string, string>> | null
  readonly Namespace?: string
  readonly Partition?: string
  readonly TaggedAddresses?: Readonly<
    Record<string, { readonly Address: string; readonly Port: number }>
  > | null
}

export interface ConsulCheck {
  readonly CheckID: string
  readonly Status: string
  /** Empty for checks of the node, which apply to all its services. */
  readonly ServiceID?: string
}

/** The node a service runs on. */
export interface ConsulNode {
  readonly address: string
  readonly name: string
  readonly meta: Readonly<Record<string, unknown>>
}

/** Returns true if a service matches the entry by name and tags. */
export function isWanted(
  wanted: { readonly services: readonly string[]; readonly tags: readonly string[] },
  name: string,
  tags: readonly string[],
): boolean {
  if (wanted.services.length > 0 && !wanted.services.includes(name)) return false
  return wanted.tags.every(tag => tags.includes(tag))
}

/** Returns the labels of one service. `kind` is the word used in their names. */
export function serviceLabels(
  kind: 'consul' | 'consulagent',
  service: ConsulService,
  node: ConsulNode,
  of: { readonly tagSeparator: string; readonly health: string },
): Map<string, string> {
  const { Address: address = '', Port: port = 0 } = service
  const { tagSeparator, health } = of
  const pairs: [name: string, value: unknown][] = [
    ['address', node.address],
    ['node', node.name],
    // Separators at both ends let rules match a tag at any position.
    ['tags', tagSeparator + (service.Tags ?? []).join(tagSeparator) + tagSeparator],
    ['service_address', address],
    ['service_port', String(port)],
    ['service_id', service.ID],
    ['health', health],
    ...prefixed('metadata', node.meta),
    ...prefixed('service_metadata', service.Meta ?? {}),
  ]
  const labels = new Map([['__address__', joinHostPort(address || node.address, port)]])
  for (const [name, value] of pairs) {
    if (typeof value === 'string' && value !== '') labels.set(metaLabel(kind, name), value)
  }
  return labels
}

const prefixed = (prefix: string, values: Readonly<Record<string, unknown>>) =>
  Object.entries(values).map(([name, value]): [string, unknown] => [`${prefix}_${name}`, value])

const severities = ['passing', 'warning', 'critical', 'maintenance']

/** Returns the worst status of some checks. Without checks, the service is passing. */
export function worstStatus(checks: readonly ConsulCheck[]): string {
  const severity = ({ CheckID: id, Status: status }: ConsulCheck) =>
    id === '_node_maintenance' || id.startsWith('_service_maintenance:')
      ? severities.length - 1
      : Math.max(0, severities.indexOf(status))
  return severities[Math.max(0, ...checks.map(severity))]!
}
