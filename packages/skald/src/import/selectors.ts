// Cuts all streams of a server into few queries: LogQL refuses `{}`, and has no label that every stream of
// every server carries.

import { ascending, formatSelector, type Matcher } from '@skald/wire'

/**
 * Selectors of which every stream fits exactly one. The first takes the streams that have the most common
 * label, the next those of the others that have the label most common among them, and so on.
 *
 * @param streams Label sets of streams; those without any label fit no selector.
 */
export function coverStreams(streams: readonly Readonly<Record<string, string>>[]): string[] {
  const selectors: string[] = []
  const without: Matcher[] = []
  let left = streams.filter(labels => Object.keys(labels).length > 0)
  while (left.length > 0) {
    const name = mostCommonLabel(left)
    selectors.push(formatSelector([...without, { name, op: '=~', value: '.+' }]))
    without.push({ name, op: '=', value: '' })
    left = left.filter(labels => !Object.hasOwn(labels, name))
  }
  return selectors
}

function mostCommonLabel(streams: readonly Readonly<Record<string, string>>[]): string {
  const counts = new Map<string, number>()
  for (const labels of streams) {
    for (const name of Object.keys(labels)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const [first] = [...counts].sort(([a, n], [b, m]) => m - n || ascending(a, b))
  return first![0]
}
