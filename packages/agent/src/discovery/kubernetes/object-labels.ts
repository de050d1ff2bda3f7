// Meta labels shared by all Kubernetes objects.

import { metaLabel } from '../meta-label.ts'
import type { ObjectMeta } from './objects.ts'

/** Makes the name of a Kubernetes meta label. */
export function kubernetesLabel(...parts: readonly string[]): string {
  return metaLabel('kubernetes', ...parts)
}

/** Returns the namespace of an object as a label. */
export function namespaceLabel(namespace: string): readonly [string, string] {
  return [kubernetesLabel('namespace'), namespace]
}

/** Yields the name, labels and annotations of an object as labels. */
export function* metaLabels(role: string, meta: ObjectMeta): Iterable<[string, string]> {
  yield [kubernetesLabel(role, 'name'), meta.name]
  yield* attachedLabels(role, meta)
}

/** Yields the same without the name. */
export function* attachedLabels(
  role: string,
  { labels, annotations }: Pick<ObjectMeta, 'labels' | 'annotations'>,
): Iterable<[string, string]> {
  for (const [name, value] of Object.entries(labels)) {
    yield [kubernetesLabel(role, 'label', name), value]
    yield [kubernetesLabel(role, 'labelpresent', name), 'true']
  }
  for (const [name, value] of Object.entries(annotations)) {
    yield [kubernetesLabel(role, 'annotation', name), value]
    yield [kubernetesLabel(role, 'annotationpresent', name), 'true']
  }
}
