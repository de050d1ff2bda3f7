// Classifies the keys of Loki's configuration. Skald follows a key, or the key has no meaning in
// one process on local files, or Skald refuses it, because otherwise lines would go elsewhere,
// others could read them, or alerts would not fire.

/** Class of a key. */
export type SettingClass = 'followed' | 'without meaning' | 'refused'

/** Keys that have no meaning here, and why. */
export interface MeaninglessKeys {
  /** A sentence for the reference page. */
  readonly why: string
  /** Paths such as `server.grpc_listen_port`. A path includes everything below it. */
  readonly keys: readonly string[]
}

/** The verdict on a value of a refused key; `undefined` if it asks for what Skald does anyway. */
export type Verdict =
  | undefined
  /** Nothing depends on it: list it with the keys that have no meaning. */
  | { readonly kind: 'idle' }
  /** The store starts and logs this message. */
  | { readonly kind: 'doubt'; readonly message: string }
  | { readonly kind: 'error'; readonly message: string }

/** A key that is refused unless its value asks for what Skald does anyway. */
export interface RefusedKey {
  /** The path. `[]` stands for each item of a list. */
  readonly key: string
  /** Which values pass, for the reference page. */
  readonly unless: string
  /** How Skald's behaviour would differ from the file, and what to do instead. */
  readonly why: string
  /** Judges a value. `file` is the whole file, `at` the path of the value in it. */
  readonly judge: (value: unknown, file: WrittenFile, at: readonly string[]) => Verdict
}

/** A configuration as written, with nothing checked yet. */
export type WrittenFile = Readonly<Record<string, unknown>>

/** Returns the value at a path of keys in an unchecked file. */
export function valueAt(file: unknown, path: string): unknown {
  let value: unknown = file
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.hasOwn(value, key) ? (value as WrittenFile)[key] : undefined
  }
  return value
}

/**
 * Returns true if a value is empty: an empty text, list or map, or one that holds only empty
 * values.
 */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  return typeof value === 'object' && Object.values(value).every(isEmpty)
}
