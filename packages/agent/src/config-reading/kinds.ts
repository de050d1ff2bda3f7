// Kinds of parts that a configuration names: stages, discovery, sources. Each is loaded when it is named,
// since modules are most of what an idle agent takes.

import type { ValueReader } from './yaml-cursor.ts'

/** Names of the kinds, and how each is loaded. */
export type Kinds<T> = Readonly<Record<string, () => Promise<T>>>

/** Loads those kinds that are named; names that are no kind's are left out. */
export async function loadKinds<T>(
  kinds: Kinds<T>,
  names: Iterable<string>,
): Promise<ReadonlyMap<string, T>> {
  const known = [...new Set(names)].filter(name => Object.hasOwn(kinds, name))
  return new Map(await Promise.all(known.map(async name => [name, await kinds[name]!()] as const)))
}

/**
 * Loads the readers of those keys that are named; returns one for each key that there is, so that mistakes
 * in others can be told. Only those that were named may be called.
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
