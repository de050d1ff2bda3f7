// Role ingress: a target for each path of each rule.

import type { TargetGroup } from '../target-group.ts'
import { kubernetesLabel, metaLabels, namespaceLabel } from './object-labels.ts'
import { type ObjectMeta, type RawObject, readMeta } from './objects.ts'

interface RawIngress extends RawObject {
  readonly spec?: {
    readonly ingressClassName?: string
    readonly tls?: readonly { readonly hosts?: readonly string[] }[]
    readonly rules?: readonly {
      readonly host?: string
      readonly http?: { readonly paths?: readonly { readonly path?: string }[] }
    }[]
  }
}

/** The parts of an ingress that discovery keeps. */
export interface Ingress {
  readonly meta: ObjectMeta
  readonly className: string
  readonly tlsHosts: readonly string[]
  readonly rules: readonly { readonly host: string; readonly paths: readonly string[] }[]
}

/** Reads an ingress from the API's JSON. */
export function readIngress(raw: RawIngress): Ingress {
  const { spec = {} } = raw
  return {
    meta: readMeta(raw),
    className: spec.ingressClassName ?? '',
    tlsHosts: (spec.tls ?? []).flatMap(({ hosts = [] }) => hosts),
    rules: (spec.rules ?? []).map(({ host = '', http }) => ({
      host,
      paths: http?.paths?.map(({ path }) => path || '/') ?? ['/'],
    })),
  }
}

/** Returns the targets of an ingress. */
export function ingressGroup({ meta, className, tlsHosts, rules }: Ingress): TargetGroup {
  const targets = rules.flatMap(({ host, paths }) => {
    const isTls = tlsHosts.some(pattern => matchesHost(pattern, host))
    return paths.map(
      path =>
        new Map([
          ['__address__', host],
          [kubernetesLabel('ingress_scheme'), isTls ? 'https' : 'http'],
          [kubernetesLabel('ingress_host'), host],
          [kubernetesLabel('ingress_path'), path],
        ]),
    )
  })
  return {
    source: `ingress/${meta.namespace}/${meta.name}`,
    labels: new Map([
      namespaceLabel(meta.namespace),
      ...metaLabels('ingress', meta),
      [kubernetesLabel('ingress_class_name'), className],
    ]),
    targets,
  }
}

/** Returns true if a host matches a pattern. `*` matches one leading part. */
function matchesHost(pattern: string, host: string): boolean {
  if (pattern === host) return true
  const [patternHead, ...patternRest] = pattern.split('.')
  const [, ...hostRest] = host.split('.')
  return (
    patternHead === '*' && patternRest.length > 0 && patternRest.join('.') === hostRest.join('.')
  )
}
