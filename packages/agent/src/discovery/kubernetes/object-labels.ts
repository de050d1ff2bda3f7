// Meta labels that all objects of Kubernetes have in common.

import { metaLabel } from '../meta-label.ts'
import type { ObjectMeta } from './objects.ts'

/** Makes the name of a meta label of Kubernetes. */
export function kubernetesLabel(...parts: readonly string[]): string {
  return metaLabel('kubernetes', ...parts)
}

/** Namespace of an object as a label. */
export function namespaceLabel(namespace: string): readonly [string, string] {
  return [kubernetesLabel('namespace'), namespace]
}

/** Labels that tell an object's name, labels and annotations. */
export function* metaLabels(role: string, meta: ObjectMeta): Iterable<[string, string]> {
  yield [kubernetesLabel(role, 'name'), meta.name]
  yield* attachedLabels(role, meta)
}

/** The same without the name. */
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
