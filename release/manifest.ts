// The chart rendered with its defaults, for clusters without Helm: one file for `kubectl apply -f`.
// It differs from Helm's output in two things: it includes the namespace, and Secrets are plain
// text, so that people can read and edit them.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments, stringify } from 'yaml'
import { chartDir } from './values-schema.ts'

/** Path of the manifest. */
export const manifestPath = fileURLToPath(
  new URL('../examples/kubernetes/skald.yaml', import.meta.url),
)

/** Kubernetes version to render for when no cluster is asked. */
export const kubeVersionFlag = '--kube-version=1.34.0'

const namespace = 'logs'

const head = `# Store and agent, as the chart renders them with its defaults: kubectl apply -f examples/kubernetes/skald.yaml
# Build the image and bring it to the nodes first: docs/kubernetes.md says how. Made by: npm run release -- manifest
`

/** The agent reads the nodes' files, which Pod Security allows only in a privileged namespace. */
const namespaceObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: namespace,
    labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
  },
}

/**
 * Renders the manifest with this machine's helm.
 * @throws Error when helm is missing or rejects the chart.
 */
export function renderManifest(): string {
  const rendered = execFileSync(
    'helm',
    ['template', 'loki', chartDir, '--namespace', namespace, '--skip-tests', kubeVersionFlag],
    { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 },
  )
  const objects = parseAllDocuments(rendered).map(document => document.toJS() as object | null)
  const texts = [namespaceObject, ...objects.filter(object => object !== null)].map(object =>
    stringify(withReadableSecret(object), { lineWidth: 0 }),
  )
  return `${head}---\n${texts.join('---\n')}`
}

function withReadableSecret(object: object): object {
  const { kind, data, ...rest } = object as { kind?: string; data?: Record<string, string> }
  if (kind !== 'Secret' || !data) return object
  const entries = Object.entries(data).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString('utf8'),
  ])
  return { kind, ...rest, stringData: Object.fromEntries(entries) }
}
