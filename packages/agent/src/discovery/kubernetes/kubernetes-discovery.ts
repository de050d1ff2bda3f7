// Runs kubernetes_sd_configs: watches the objects a role needs and turns them into groups.

import { clusterSettleMs, podLingerMs, podSettleMs } from '../../limits.ts'
import { ApiClient } from '../api-client.ts'
import type { Discoverer, DiscoveryContext, TargetGroup } from '../target-group.ts'
import { type ConnectionConfig, connectTo, ownNamespace } from './connection.ts'
import { endpointSliceGroup, readEndpointSlice, serviceNameOf } from './endpoint-slice.ts'
import type { EndpointContext } from './endpoint-targets.ts'
import { endpointsGroup, readEndpoints } from './endpoints.ts'
import { ingressGroup, readIngress } from './ingress.ts'
import { type Node, nodeGroup, nodeLabels, readNode } from './node.ts'
import { attachedLabels } from './object-labels.ts'
import { type ObjectMeta, type RawObject, readMeta } from './objects.ts'
import { type Pod, podGroup, readPod } from './pod.ts'
import { ResourceWatch } from './resource-watch.ts'
import { readService, serviceGroup } from './service.ts'

export const kubernetesRoles = [
  ...(['node', 'pod', 'service', 'endpoints', 'endpointslice', 'ingress'] as const),
] as const
export type KubernetesRole = (typeof kubernetesRoles)[number]

/** Which objects of a role to watch. */
export interface Selector {
  readonly role: KubernetesRole
  readonly label: string
  readonly field: string
}

/** One checked entry of `kubernetes_sd_configs`. */
export interface KubernetesConfig {
  readonly role: KubernetesRole
  readonly connection: ConnectionConfig
  readonly ownNamespace: boolean
  readonly namespaces: readonly string[]
  readonly selectors: readonly Selector[]
  readonly attachesNode: boolean
  readonly attachesNamespace: boolean
}

// Where the API lists the objects of each role.
const resources: Readonly<Record<KubernetesRole, { readonly api: string; readonly name: string }>> =
  {
    node: { api: '/api/v1', name: 'nodes' },
    pod: { api: '/api/v1', name: 'pods' },
    service: { api: '/api/v1', name: 'services' },
    endpoints: { api: '/api/v1', name: 'endpoints' },
    endpointslice: { api: '/apis/discovery.k8s.io/v1', name: 'endpointslices' },
    ingress: { api: '/apis/networking.k8s.io/v1', name: 'ingresses' },
  }

/** Objects of one kind, in all watched namespaces. */
class Watched<T> {
  readonly #watches: ResourceWatch<T>[]

  constructor(watches: ResourceWatch<T>[]) {
    this.#watches = watches
  }

  get hasListed(): boolean {
    return this.#watches.every(({ hasListed }) => hasListed)
  }

  *all(): Iterable<T> {
    for (const watch of this.#watches) yield* watch.all()
  }

  find(key: string): T | undefined {
    for (const { items } of this.#watches) {
      const item = items.get(key)
      if (item !== undefined) return item
    }
    return undefined
  }
}

/** Follows the objects of one entry. */
export class KubernetesDiscovery implements Discoverer {
  readonly #config: KubernetesConfig
  readonly #context: DiscoveryContext
  readonly #watches: ResourceWatch<unknown>[] = []
  readonly #watched: Watched<unknown>[] = []
  readonly #makeGroups: () => Iterable<TargetGroup>
  /** Groups of pods, with the objects they were made from. A changed object is a new object. */
  readonly #podGroupsMade = new WeakMap<
    Pod,
    {
      readonly group: TargetGroup
      readonly node?: Node | undefined
      readonly namespace?: ObjectMeta | undefined
    }
  >()
  #onGroups: ((groups: Iterable<TargetGroup>) => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #hasWarned = false

  constructor(config: KubernetesConfig, context: DiscoveryContext) {
    this.#config = config
    this.#context = context
    this.#makeGroups = this.#builders[config.role]()
  }

  readonly #builders: Readonly<Record<KubernetesRole, () => () => Iterable<TargetGroup>>> = {
    pod: () => this.#podGroups(),
    node: () => {
      const nodes = this.#watch('node', readNode)
      return () => mapAll(nodes.all(), nodeGroup)
    },
    service: () => {
      const services = this.#watch('service', readService)
      return () => mapAll(services.all(), serviceGroup)
    },
    ingress: () => {
      const ingresses = this.#watch('ingress', readIngress)
      return () => mapAll(ingresses.all(), ingressGroup)
    },
    endpoints: () => {
      const endpoints = this.#watch('endpoints', readEndpoints)
      const services = this.#watch('service', readService)
      const context = this.#endpointContext()
      return () =>
        mapAll(endpoints.all(), item => {
          const { namespace, name } = item.meta
          return endpointsGroup(item, services.find(`${namespace}/${name}`), context)
        })
    },
    endpointslice: () => {
      const slices = this.#watch('endpointslice', readEndpointSlice)
      const services = this.#watch('service', readService)
      const context = this.#endpointContext()
      return () =>
        mapAll(slices.all(), item => {
          const service = services.find(`${item.meta.namespace}/${serviceNameOf(item)}`)
          return endpointSliceGroup(item, service, context)
        })
    },
  }

  #podGroups(): () => Iterable<TargetGroup> {
    const { attachesNode, attachesNamespace } = this.#config
    const pods = this.#watch('pod', readPod)
    const nodes = attachesNode ? this.#watchNodes() : undefined
    const namespaces = attachesNamespace ? this.#watchNamespaces() : undefined
    return () =>
      mapAll(pods.all(), pod => {
        const node = nodes?.find(pod.nodeName)
        const namespace = namespaces?.find(pod.meta.namespace)
        const known = this.#podGroupsMade.get(pod)
        if (known && known.node === node && known.namespace === namespace) return known.group
        const group = podGroup(pod, [
          ...(node ? nodeLabels(node) : []),
          ...(namespace ? attachedLabels('namespace', namespace) : []),
        ])
        this.#podGroupsMade.set(pod, { group, node, namespace })
        return group
      })
  }

  #endpointContext(): EndpointContext {
    const pods = this.#watch('pod', readPod)
    const nodes = this.#config.attachesNode ? this.#watchNodes() : undefined
    return {
      findPod: (namespace, name) => pods.find(`${namespace}/${name}`),
      findNode: name => nodes?.find(name),
    }
  }

  /** Watches the nodes whose labels are attached. Pods of this node need only this node. */
  #watchNodes(): Watched<Node> {
    const { role } = this.#config
    const fieldSelector = role === 'pod' ? `metadata.name=${this.#context.hostname}` : ''
    const path = `${resources.node.api}/${resources.node.name}`
    return this.#add('node', [path], { fieldSelector, labelSelector: '' }, readNode)
  }

  #watchNamespaces(): Watched<ObjectMeta> {
    const none = { fieldSelector: '', labelSelector: '' }
    return this.#add('namespace', ['/api/v1/namespaces'], none, readMeta)
  }

  /** Watches the objects of a role in the selected namespaces. */
  #watch<T>(role: KubernetesRole, read: (raw: RawObject) => T): Watched<T> {
    const { api, name } = resources[role]
    const namespaces = role === 'node' ? [] : this.#namespaces()
    const paths =
      namespaces.length === 0
        ? [`${api}/${name}`]
        : namespaces.map(namespace => `${api}/namespaces/${encodeURIComponent(namespace)}/${name}`)
    const selector = this.#config.selectors.find(selected => selected.role === role)
    // Like Promtail: only pods whose logs are on this node.
    const isOwnNode = role === 'pod' && this.#config.role === 'pod'
    const fields = [
      ...(selector?.field ? [selector.field] : []),
      ...(isOwnNode ? [`spec.nodeName=${this.#context.hostname}`] : []),
    ]
    const selectors = { labelSelector: selector?.label ?? '', fieldSelector: fields.join(',') }
    return this.#add(role, paths, selectors, read)
  }

  #namespaces(): string[] {
    const { namespaces, ownNamespace: isOwn } = this.#config
    return [...new Set([...namespaces, ...(isOwn ? [ownNamespace()] : [])])]
  }

  #add<T>(
    role: string,
    paths: readonly string[],
    selectors: { readonly labelSelector: string; readonly fieldSelector: string },
    read: (raw: RawObject) => T,
  ): Watched<T> {
    const { env, userAgent, metrics, logger } = this.#context
    const watches = paths.map(
      path =>
        new ResourceWatch({
          ...{ path, role, ...selectors, read, metrics, logger },
          lingerMs: role === 'pod' && this.#config.role === 'pod' ? podLingerMs : 0,
          connect: () => new ApiClient(connectTo(this.#config.connection, env), userAgent),
          onChange: () => this.#updateSoon(),
        }),
    )
    const watched = new Watched(watches)
    this.#watches.push(...watches)
    this.#watched.push(watched)
    return watched
  }

  start(onGroups: (groups: Iterable<TargetGroup>) => void): void {
    this.#onGroups = onGroups
    for (const watch of this.#watches) watch.start()
  }

  #updateSoon(): void {
    const waitMs = this.#config.role === 'pod' ? podSettleMs : clusterSettleMs
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#update()
    }, waitMs)
  }

  /** Reports all groups once every kind they need has been listed. */
  #update(): void {
    if (!this.#watched.every(({ hasListed }) => hasListed)) return
    const groups = [...this.#makeGroups()]
    if (groups.length === 0) this.#warnOfNothing()
    this.#onGroups?.(groups)
  }

  #warnOfNothing(): void {
    const { role } = this.#config
    if (this.#hasWarned || role !== 'pod') return
    this.#hasWarned = true
    this.#context.logger.warn(
      { node: this.#context.hostname },
      'No pods on this node: if that is wrong, set the environment variable HOSTNAME to the name of the node',
    )
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#onGroups = undefined
    await Promise.all(this.#watches.map(watch => watch.stop()))
  }
}

function* mapAll<T, R>(items: Iterable<T>, make: (item: T) => R): Iterable<R> {
  for (const item of items) yield make(item)
}
