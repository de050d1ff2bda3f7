// Named kinds of parts in a configuration: stages, discovery, sources. Each kind is loaded only when a
// configuration names it, because modules are most of an idle agent's memory.

import type { ValueReader } from './yaml-cursor.ts'

/** Names of the kinds, and how to load each. */
export type Kinds<T> = Readonly<Record<string, () => Promise<T>>>

/** Loads the named kinds. Skips unknown names. */
export async function loadKinds<T>(
  kinds: Kinds<T>,
  names: Iterable<string>,
): Promise<ReadonlyMap<string, T>> {
  const known = [...new Set(names)].filter(name => Object.hasOwn(kinds, name))
  return new Map(await Promise.all(known.map(async name => [name, await kinds[name]!()] as const)))
}

/**
 * Loads the readers of the named keys. Returns one for every known key, so that unknown keys can be
 * reported. Call only those that were named.
 */
export async function loadReaders<Key extends string, T>(
  kinds: Readonly<Record<Key, () => Promise<ValueReader<T>>>>,
  names: Iterable<string>,
): Promise<Readonly<Record<Key, ValueReader<T>>>> {
  const loaded = await loadKinds<ValueReader<T>>(kinds, names)
  const readers = Object.keys(kinds).map(key => [
    key,
    cursor => loaded.get(key)!(cursor),
  ]) satisfies [string, ValueReader<T>][]
  return Object.fromEntries(readers) as Record<Key, ValueReader<T>>
}
