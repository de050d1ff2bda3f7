// What becomes of a key of Loki's configuration. Three classes: what is followed, what has no meaning in one
// process on local files, and what is refused, because without it lines would go elsewhere, others could read
// them, or alerts would not fire.

/** Class of a key. */
export type SettingClass = 'followed' | 'without meaning' | 'refused'

/** Keys that have no meaning here, and why. */
export interface MeaninglessKeys {
  /** A sentence for the reference page. */
  readonly why: string
  /** Paths such as `server.grpc_listen_port`; all that stands below one belongs to it. */
  readonly keys: readonly string[]
}

/** What a value of a key that is refused comes to; nothing where it is what Skald does anyway. */
export type Verdict =
  | undefined
  /** Nothing depends on it: it is named with the keys that have no meaning. */
  | { readonly kind: 'idle' }
  /** The store starts, and says this. */
  | { readonly kind: 'doubt'; readonly message: string }
  | { readonly kind: 'error'; readonly message: string }

/** A key that is refused unless its value asks for what Skald does anyway. */
export interface RefusedKey {
  /** Its path; `[]` stands for each item of a list. */
  readonly key: string
  /** Which values pass, for the reference page. */
  readonly unless: string
  /** What would not be as the file says, and what to do instead. */
  readonly why: string
  /** Judges a value. `file` is all that is written, `at` where in it the value stands. */
  readonly judge: (value: unknown, file: WrittenFile, at: readonly string[]) => Verdict
}

/** A configuration as it is written: nothing in it has been checked yet. */
export type WrittenFile = Readonly<Record<string, unknown>>

/** Finds what stands at a path of keys in what nobody has checked. */
export function valueAt(file: unknown, path: string): unknown {
  let value: unknown = file
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.hasOwn(value, key) ? (value as WrittenFile)[key] : undefined
  }
  return value
}

/** Tells whether a value says nothing: no text, nothing in a list or map, or only such things. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  return typeof value === 'object' && Object.values(value).every(isEmpty)
}
