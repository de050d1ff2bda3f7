// Role service: a target for each port of each service.

import type { TargetGroup } from '../target-group.ts'
import { kubernetesLabel, metaLabels, namespaceLabel } from './object-labels.ts'
import { type ObjectMeta, type RawObject, readMeta } from './objects.ts'

interface RawService extends RawObject {
  readonly spec?: {
    readonly type?: string
    readonly clusterIP?: string
    readonly externalName?: string
    readonly loadBalancerIP?: string
    readonly ports?: readonly {
      readonly name?: string
      readonly port?: number
      readonly protocol?: string
    }[]
  }
}

/** The parts of a service that discovery keeps. */
export interface Service {
  readonly meta: ObjectMeta
  readonly type: string
  readonly clusterIp: string
  readonly externalName: string
  readonly loadBalancerIp: string
  readonly ports: readonly {
    readonly name: string
    readonly number: number
    readonly protocol: string
  }[]
}

/** Reads a service from the API's JSON. */
export function readService(raw: RawService): Service {
  const { spec = {} } = raw
  return {
    meta: readMeta(raw),
    type: spec.type ?? 'ClusterIP',
    clusterIp: spec.clusterIP ?? '',
    externalName: spec.externalName ?? '',
    loadBalancerIp: spec.loadBalancerIP ?? '',
    ports: (spec.ports ?? []).map(({ name = '', port = 0, protocol = 'TCP' }) => ({
      ...{ name, number: port, protocol },
    })),
  }
}

/** Returns the labels that a service adds to its targets. */
export function serviceLabels({ meta }: Service): Iterable<[string, string]> {
  return metaLabels('service', meta)
}

/** Returns the targets of a service. */
export function serviceGroup(service: Service): TargetGroup {
  const { meta, type } = service
  const targets = service.ports.map(({ name, number, protocol }) => {
    const target = new Map([
      ['__address__', `${meta.name}.${meta.namespace}.svc:${number}`],
      [kubernetesLabel('service_port_name'), name],
      [kubernetesLabel('service_port_number'), String(number)],
      [kubernetesLabel('service_port_protocol'), protocol],
      [kubernetesLabel('service_type'), type],
    ])
    if (type === 'ExternalName') {
      target.set(kubernetesLabel('service_external_name'), service.externalName)
    } else target.set(kubernetesLabel('service_cluster_ip'), service.clusterIp)
    if (type === 'LoadBalancer') {
      target.set(kubernetesLabel('service_loadbalancer_ip'), service.loadBalancerIp)
    }
    return target
  })
  return {
    source: `svc/${meta.namespace}/${meta.name}`,
    labels: new Map([namespaceLabel(meta.namespace), ...serviceLabels(service)]),
    targets,
  }
}
