// Finds the flags of a command in its help text. The help is the one table of what a command takes: completions and the
// manual are made from it, so they cannot differ.

/** A flag, as it is written on the command line. */
export interface Flag {
  /** With its dashes: `--limit`, `-config.file`. */
  readonly name: string
  /** The words it takes, if the help lists them. */
  readonly choices: readonly string[]
  /** The first sentence of what it does. */
  readonly summary: string
}

/** Returns the flags that a help text lists, each once. */
export function flagsOf(usage: string): Flag[] {
  const found = new Map<string, Flag>()
  const rows = usage.matchAll(/^ +(?:-\w, )?(--?[a-z][\w.-]*)[^\n]*(?:\n {8,}(?!-)[^\n]*)*/gm)
  for (const [row, name = ''] of rows) {
    const flat = row.replaceAll(/\s+/g, ' ')
    const choices = /\(choices: ([^)]*?)(?:, default: [^)]*)?\)/.exec(flat)?.[1] ?? ''
    const words = [...choices.matchAll(/"([^"]+)"/g)].map(([, word = '']) => word)
    const summary =
      row
        .split('\n')[0]!
        .trim()
        .split(/ {2,}|\t/)[1] ?? ''
    if (!found.has(name)) found.set(name, { name, choices: words, summary })
  }
  return [...found.values()]
}
