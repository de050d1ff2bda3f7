// Which fields of a document become its line, its time and its labels, if the request does not say so. The names
// are those of Elastic's Common Schema and of the Kubernetes metadata of Filebeat, Fluent Bit and Vector. Labels
// have the names that Promtail's chart gives them. No field with unbounded values is among them.

/** The line, best first. */
export const defaultMessageFields: readonly string[] = [
  ...['_msg', 'message', 'log', 'msg', 'MESSAGE', 'short_message', '@message', 'event.original'],
]

/** The time, best first. A field that is not a time is left alone, except `@timestamp` and `_time`. */
export const defaultTimeFields: readonly string[] = [
  ...['_time', '@timestamp', 'timestamp', 'time', 'date', 'ts'],
]

/** Fields that hold a time by convention, so that any other value is a mistake. */
export const certainTimeFields: ReadonlySet<string> = new Set(['_time', '@timestamp'])

/** Which fields a label comes from, best first, and its values if only these are taken. */
export interface DefaultLabel {
  readonly name: string
  readonly fields: readonly string[]
  readonly values?: readonly string[]
}

const kubernetesLabels = (name: string): string[] => [
  `kubernetes.labels.${name}`,
  `kubernetes.labels.${name.replaceAll('.', '_')}`,
  `kubernetes.pod_labels.${name}`,
]

/** The labels, of which pod is the one with the most values, as in Promtail's chart. */
export const defaultLabels: readonly DefaultLabel[] = [
  {
    name: 'namespace',
    fields: [
      ...['kubernetes.namespace_name', 'kubernetes.namespace', 'kubernetes.pod_namespace'],
      ...['k8s.namespace.name', 'orchestrator.namespace'],
    ],
  },
  {
    name: 'pod',
    fields: ['kubernetes.pod_name', 'kubernetes.pod.name', 'k8s.pod.name'],
  },
  {
    name: 'container',
    fields: [
      ...['kubernetes.container_name', 'kubernetes.container.name', 'k8s.container.name'],
      ...['container.name', 'container_name'],
    ],
  },
  {
    name: 'app',
    fields: [
      ...kubernetesLabels('app.kubernetes.io/name'),
      ...kubernetesLabels('app'),
      ...kubernetesLabels('k8s-app'),
      ...['fields.app', 'app', 'application', 'app_name', 'appname', 'programname', 'program'],
    ],
  },
  { name: 'service_name', fields: ['service.name', 'service_name', 'service'] },
  {
    name: 'environment',
    fields: ['service.environment', 'deployment.environment', 'environment', 'env'],
  },
  {
    name: 'node_name',
    fields: [
      ...['kubernetes.host', 'kubernetes.node.name', 'kubernetes.node_name'],
      ...['kubernetes.pod_node_name', 'k8s.node.name'],
    ],
  },
  {
    name: 'host',
    fields: ['host.name', 'host.hostname', 'hostname', 'host', 'agent.hostname', 'beat.hostname'],
  },
  { name: 'job', fields: ['job'] },
  { name: 'stream', fields: ['stream'], values: ['stdout', 'stderr'] },
]
