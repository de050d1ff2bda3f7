// Splits all streams of a server into a few queries. LogQL rejects `{}`, and no label is on every stream of
// every server.

import { ascending, formatSelector, type Matcher } from '@skald/wire'

/**
 * Returns selectors so that every stream matches exactly one. The first selects the streams with the most
 * common label, the next selects the remaining streams with the label most common among them, and so on.
 *
 * @param streams Label sets. A stream without labels matches no selector.
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
