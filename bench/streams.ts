// The 50 streams of the benchmark: a small cluster's containers, labelled like an agent on
// Kubernetes does, and each one's share of the traffic.

import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import type { LineKind } from './lines.ts'
import type { Random } from './random.ts'

/** One stream of the workload. */
export interface BenchStream {
  readonly labels: LabelSet
  /** The label set in the push protocol's format. */
  readonly labelsText: string
  readonly kind: LineKind
  /** Share of the lines, relative to the other streams. */
  readonly weight: number
}

interface App {
  readonly namespace: string
  readonly app: string
  readonly kind: LineKind
  readonly podCount: number
  readonly weight: number
}

// 25 pods, each with a stdout and a stderr stream.
const apps: readonly App[] = [
  { namespace: 'ingress', app: 'ingress-nginx', kind: 'nginx', podCount: 4, weight: 22 },
  { namespace: 'shop', app: 'web', kind: 'nginx', podCount: 2, weight: 8 },
  { namespace: 'shop', app: 'orders', kind: 'java', podCount: 3, weight: 14 },
  { namespace: 'shop', app: 'billing', kind: 'java', podCount: 2, weight: 7 },
  { namespace: 'shop', app: 'catalog', kind: 'json', podCount: 3, weight: 14 },
  { namespace: 'shop', app: 'carts', kind: 'json', podCount: 2, weight: 9 },
  { namespace: 'shop', app: 'payments', kind: 'json', podCount: 2, weight: 6 },
  { namespace: 'platform', app: 'auth', kind: 'json', podCount: 2, weight: 5 },
  { namespace: 'platform', app: 'scheduler', kind: 'logfmt', podCount: 2, weight: 6 },
  { namespace: 'platform', app: 'mailer', kind: 'logfmt', podCount: 1, weight: 3 },
  { namespace: 'monitoring', app: 'prometheus', kind: 'logfmt', podCount: 2, weight: 6 },
]
const letters = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * Generates the 50 streams. The seed only affects pod names. With `cluster`, the streams are
 * labelled as an OpenTelemetry collector does, so no selector finds those of both kinds.
 */
export function createStreams(random: Random, cluster?: string): BenchStream[] {
  const streams: BenchStream[] = []
  for (const { namespace, app, kind, podCount, weight } of apps) {
    const replicaSet = suffix(random, 9)
    for (let i = 0; i < podCount; i++) {
      const pod = `${app}-${replicaSet}-${suffix(random, 5)}`
      const node = `node-${random.between(1, 6)}`
      for (const stream of ['stdout', 'stderr']) {
        const agentLabels = {
          namespace,
          app,
          pod,
          container: app,
          stream,
          job: `${namespace}/${app}`,
          node_name: node,
          filename: `/var/log/pods/${namespace}_${pod}_${suffix(random, 8)}/${app}/0.log`,
        }
        const labels = createLabelSet(
          cluster === undefined
            ? agentLabels
            : {
                cluster,
                service_name: app,
                k8s_namespace_name: namespace,
                k8s_pod_name: pod,
                log_iostream: stream,
              },
        )
        const share = stream === 'stdout' ? 0.88 : 0.12
        streams.push({
          labels,
          labelsText: formatLabelSet(labels),
          kind,
          weight: (weight * share) / podCount,
        })
      }
    }
  }
  return streams
}

function suffix(random: Random, length: number): string {
  let text = ''
  for (let i = 0; i < length; i++) text += letters[random.below(letters.length)]
  return text
}

/** Apps of the workload with very many streams. */
export const manyStreamApps = 400

/**
 * Returns the label set of one of very many streams: 400 apps, a pod for every two streams, as a
 * cluster has them whose pods live for minutes.
 */
export function manyStreamText(number: number): string {
  const pod = Math.floor(number / 2)
  const app = pod % manyStreamApps
  const labels = createLabelSet({
    namespace: `team-${app % 20}`,
    app: `app-${app}`,
    pod: `app-${app}-${(pod * 7919).toString(36)}-${pod.toString(36).padStart(5, '0')}`,
    node_name: `node-${pod % 300}`,
    stream: number % 2 === 0 ? 'stdout' : 'stderr',
  })
  return formatLabelSet(labels)
}
