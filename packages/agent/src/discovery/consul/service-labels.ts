// What the catalog of Consul and an agent of it say of a service in common, as labels.

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
  /** Empty for checks of the node, which hold for all its services. */
  readonly ServiceID?: string
}

/** Where a service runs. */
export interface ConsulNode {
  readonly address: string
  readonly name: string
  readonly meta: Readonly<Record<string, unknown>>
}

/** Tells whether a service is asked for, by its name and tags. */
export function isWanted(
  wanted: { readonly services: readonly string[]; readonly tags: readonly string[] },
  name: string,
  tags: readonly string[],
): boolean {
  if (wanted.services.length > 0 && !wanted.services.includes(name)) return false
  return wanted.tags.every(tag => tags.includes(tag))
}

/** Labels of one service; `kind` is the word that they have in their names. */
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
    // Separators at both ends as well, so that rules need not look at places.
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

/** The worst of some checks; without any all is well. */
export function worstStatus(checks: readonly ConsulCheck[]): string {
  const severity = ({ CheckID: id, Status: status }: ConsulCheck) =>
    id === '_node_maintenance' || id.startsWith('_service_maintenance:')
      ? severities.length - 1
      : Math.max(0, severities.indexOf(status))
  return severities[Math.max(0, ...checks.map(severity))]!
}
