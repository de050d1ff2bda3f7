// Shared by the roles endpoints and endpointslice: the targets of addresses, with their pods and nodes.

import { joinHostPort } from '../host-port.ts'
import type { Node } from './node.ts'
import { nodeLabels } from './node.ts'
import { containerLabels, type Pod, podLabels, portLabels } from './pod.ts'

/** Objects that addresses refer to. */
export interface EndpointContext {
  readonly findPod: (namespace: string, name: string) => Pod | undefined
  /** Finds a node by name if its labels are wanted. */
  readonly findNode: (name: string) => Node | undefined
}

/** An address with one port. */
export interface EndpointAddress {
  readonly labels: Iterable<readonly [string, string]>
  readonly port: number | undefined
  readonly nodeName: string | undefined
  readonly reference: ObjectReference | undefined
}

export interface ObjectReference {
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
}

/** Collects the targets of one group. */
export class EndpointTargets {
  readonly targets: Map<string, string>[] = []
  readonly #context: EndpointContext
  readonly #namespace: string
  /** Pods of the addresses, and their ports that have a target. */
  readonly #seen = new Map<Pod, Set<number>>()

  constructor(namespace: string, context: EndpointContext) {
    this.#namespace = namespace
    this.#context = context
  }

  add({ labels, port, nodeName, reference }: EndpointAddress): void {
    const target = new Map(labels)
    const nodeOf = nodeName ?? (reference?.kind === 'Node' ? reference.name : undefined)
    const node = nodeOf === undefined ? undefined : this.#context.findNode(nodeOf)
    if (node) for (const [name, value] of nodeLabels(node)) target.set(name, value)
    const isPod = reference?.kind === 'Pod' && reference.name
    const namespace = reference?.namespace ?? this.#namespace
    const pod = isPod ? this.#context.findPod(namespace, reference.name!) : undefined
    if (pod) this.#addPod(target, pod, port)
    this.targets.push(target)
  }

  #addPod(target: Map<string, string>, pod: Pod, port: number | undefined): void {
    for (const [name, value] of podLabels(pod)) target.set(name, value)
    const ports = this.#seen.get(pod) ?? new Set()
    this.#seen.set(pod, ports)
    if (port === undefined) return
    ports.add(port)
    for (const container of pod.containers) {
      const containerPort = container.ports.find(({ number }) => number === port)
      if (!containerPort) continue
      for (const [name, value] of containerLabels(container)) target.set(name, value)
      for (const [name, value] of portLabels(containerPort)) target.set(name, value)
      return
    }
  }

  /** Adds targets for the pods' ports that no address covered. */
  addRemainingPorts(): void {
    for (const [pod, ports] of this.#seen) {
      if (pod.ip === '') continue
      for (const container of pod.containers) {
        for (const port of container.ports) {
          if (ports.has(port.number)) continue
          this.targets.push(
            new Map([
              ['__address__', joinHostPort(pod.ip, port.number)],
              ...containerLabels(container),
              ...portLabels(port),
              ...podLabels(pod),
            ]),
          )
        }
      }
    }
  }
}
