// Reads kubernetes_sd_configs. Checks the same rules as Prometheus and reports the place of a mistake.

import {
  readBoolean,
  readList,
  readText,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { httpClientFields, readOneAuthorization } from '../../config-reading/http-client.ts'
import type { DiscoveryConfig } from '../target-group.ts'
import type { ConnectionConfig } from './connection.ts'
import { loadKubeconfig } from './kubeconfig.ts'
import {
  type KubernetesConfig,
  KubernetesDiscovery,
  type KubernetesRole,
  kubernetesRoles,
  type Selector,
} from './kubernetes-discovery.ts'

const readRole: ValueReader<KubernetesRole> = cursor => {
  const text = readText(cursor) ?? ''
  const role = kubernetesRoles.find(name => name === text)
  return role ?? cursor.fail(unknownRole(text))
}

function unknownRole(text: string): string {
  return `unknown Kubernetes SD role ${JSON.stringify(text)}: ${kubernetesRoles.join(', ')}`
}

const readApiServer: ValueReader<URL> = cursor => {
  const text = readText(cursor) ?? ''
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  return cursor.failAtKey(
    `${cursor.name} must be an http or https URL such as https://10.0.0.1:6443, found ${cursor.describe()}`,
  )
}

// `a`, `!a`, `a=b`, `a in (b, c)`, …, joined by commas outside parentheses.
const name = String.raw`[A-Za-z0-9]([\w./-]*[A-Za-z0-9])?`
const values = String.raw`\(\s*[\w.-]*(\s*,\s*[\w.-]*)*\s*\)`
const requirement = String.raw`\s*(!\s*${name}|${name}(\s*(==?|!=)\s*[\w.-]*|\s+(in|notin)\s*${values}|\s*[<>]\s*\d+)?)\s*`
const labelSelector = new RegExp(`^(${requirement}(,${requirement})*)?$`)
const fieldSelector = /^\s*([\w./[\]'-]+\s*(==?|!=)[^,]*(,\s*[\w./[\]'-]+\s*(==?|!=)[^,]*)*)?$/

const readSelectorText =
  (form: RegExp): ValueReader<string> =>
  cursor => {
    const text = readText(cursor) ?? ''
    if (form.test(text)) return text
    return cursor.failAtKey(`${cursor.name} ${JSON.stringify(text)} is not a selector`)
  }

const readSelector: ValueReader<Selector> = cursor => {
  const raw = cursor.record({
    role: readRole,
    label: readSelectorText(labelSelector),
    field: readSelectorText(fieldSelector),
  })
  if (!raw.role) {
    return cursor.get('role') ? undefined : cursor.fail('A selector needs a role')
  }
  return { role: raw.role, label: raw.label ?? '', field: raw.field ?? '' }
}

// Roles whose objects an entry of each role can select.
const selectable: Readonly<Record<KubernetesRole, readonly KubernetesRole[]>> = {
  pod: ['pod'],
  service: ['service'],
  endpointslice: ['pod', 'service', 'endpointslice'],
  endpoints: ['pod', 'service', 'endpoints'],
  node: ['node'],
  ingress: ['ingress'],
}

const readEntry: ValueReader<DiscoveryConfig> = cursor => {
  const raw = cursor.record({
    role: readRole,
    api_server: readApiServer,
    kubeconfig_file: readText,
    namespaces: item => item.record({ own_namespace: readBoolean, names: readList(readText) }),
    selectors: readList(readSelector),
    attach_metadata: item => item.record({ node: readBoolean, namespace: readBoolean }),
    ...httpClientFields,
  })
  const { role } = raw
  if (!role) {
    const given = cursor.get('role')
    return given?.isNull === false ? undefined : (given ?? cursor).fail(unknownRole(''))
  }
  checkSelectors(cursor, role, raw.selectors ?? [])
  const connection = readConnection(cursor, {
    url: raw.api_server,
    kubeconfig: raw.kubeconfig_file,
    authorization: readOneAuthorization(cursor, raw),
    tls: raw.tls_config,
    isOwn: raw.namespaces?.own_namespace ?? false,
  })
  if (!connection) return undefined
  const config: KubernetesConfig = {
    ...{ role, connection, selectors: raw.selectors ?? [] },
    ownNamespace: raw.namespaces?.own_namespace ?? false,
    namespaces: raw.namespaces?.names ?? [],
    attachesNode: raw.attach_metadata?.node ?? false,
    attachesNamespace: raw.attach_metadata?.namespace ?? false,
  }
  return { kind: 'kubernetes', create: context => new KubernetesDiscovery(config, context) }
}

function checkSelectors(
  cursor: YamlCursor,
  role: KubernetesRole,
  selectors: readonly Selector[],
): void {
  const place = cursor.get('selectors') ?? cursor
  const seen = new Set<KubernetesRole>()
  for (const selector of selectors) {
    if (seen.has(selector.role)) place.fail(`duplicated selector role: ${selector.role}`)
    seen.add(selector.role)
    if (selectable[role].includes(selector.role)) continue
    place.fail(`${role} role supports only ${selectable[role].join(', ')} selectors`)
  }
}

function readConnection(
  cursor: YamlCursor,
  given: {
    readonly url: URL | undefined
    readonly kubeconfig: string | undefined
    readonly isOwn: boolean
  } & Pick<Extract<ConnectionConfig, { kind: 'address' }>, 'authorization' | 'tls'>,
): ConnectionConfig | undefined {
  const { url, kubeconfig, authorization, tls, isOwn } = given
  const fail = (key: string, message: string) => (cursor.get(key) ?? cursor).failAtKey(message)
  if (url && kubeconfig) {
    return fail('kubeconfig_file', 'kubeconfig_file and api_server exclude each other: remove one')
  }
  if (isOwn && (url || kubeconfig)) {
    const other = url ? 'api_server' : 'kubeconfig_file'
    return fail('namespaces', `own_namespace works only inside the cluster, not with ${other}`)
  }
  if (!url && (authorization || tls)) {
    const other = kubeconfig ? 'kubeconfig_file has its own' : 'inside of the cluster it is known'
    return fail('tls_config', `authentication and tls_config need api_server: ${other}`)
  }
  if (url) return { kind: 'address', url, authorization, tls }
  if (!kubeconfig) return cursor.has('api_server') ? undefined : inCluster
  try {
    loadKubeconfig(kubeconfig)
    return { kind: 'kubeconfig', path: kubeconfig }
  } catch (error) {
    return fail('kubeconfig_file', `Cannot use kubeconfig_file: ${(error as Error).message}`)
  }
}

const inCluster: ConnectionConfig = { kind: 'in-cluster' }

/** Reads `kubernetes_sd_configs`. */
export const readKubernetesDiscovery: ValueReader<DiscoveryConfig[]> = readList(readEntry)
