// The chart rendered with its defaults, for clusters without Helm: one file that `kubectl apply -f` takes. Two things
// differ from what Helm sends: the namespace is part of the file, and Secrets are written as text, to be read and edited.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments, stringify } from 'yaml'
import { chartDir } from './values-schema.ts'

/** Where the manifest lies. */
export const manifestPath = fileURLToPath(
  new URL('../examples/kubernetes/skald.yaml', import.meta.url),
)

/** The Kubernetes that is rendered for, where none is asked. */
export const kubeVersionFlag = '--kube-version=1.34.0'

const namespace = 'logs'

const head = `# Store and agent, as the chart renders them with its defaults: kubectl apply -f examples/kubernetes/skald.yaml
# Build the image and bring it to the nodes first: docs/kubernetes.md says how. Made by: npm run release -- manifest
`

/** The agent reads the nodes' files, which Pod Security allows in a privileged namespace only. */
const namespaceObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: namespace,
    labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
  },
}

/**
 * Renders the manifest with the helm of this machine.
 *
 * @throws Error where there is no helm, or where it refuses the chart.
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
