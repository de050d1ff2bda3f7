// Names of groups. Go lets several groups share a name; RE2JS refuses that. So RE2JS gets a pattern in which a
// name that comes again has another one.

// Quoted text, an escape and a class hold no group. Where a group begins, its name is captured.
const parts =
  /\\Q[\s\S]*?(?:\\E|$)|\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:\^?\w+:\]|[^\]\\])*\]|\(\?P?<(\w+)>/g

export interface UniqueNames {
  readonly pattern: string
  /** The name that RE2JS gets → the name as written. */
  readonly writtenNames: ReadonlyMap<string, string>
}

/** Gives each group that repeats a name one that no other group has. */
export function withUniqueNames(pattern: string): UniqueNames {
  const written = new Set([...pattern.matchAll(parts)].map(([, name]) => name))
  const seen = new Set<string>()
  const writtenNames = new Map<string, string>()
  let number = 0
  const unique = pattern.replaceAll(parts, (all, name: string | undefined) => {
    if (name === undefined) return all
    if (!seen.has(name)) {
      seen.add(name)
      return all
    }
    do number++
    while (written.has(`g${number}`))
    writtenNames.set(`g${number}`, name)
    return `(?P<g${number}>`
  })
  return { pattern: unique, writtenNames }
}
