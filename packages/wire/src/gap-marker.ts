// The form of a gap marker: an entry that says which lines are missing from its stream. The agent writes
// it, the store recognizes it by its structured metadata.

/** Names of a marker's structured metadata. Only `kind` is always there. */
export const gapNames = {
  /** Why lines are missing, as one word such as `deleted`. */
  kind: 'skald_gap',
  /** How many bytes are missing. */
  bytes: 'skald_gap_bytes',
  /** How many lines are missing. */
  lines: 'skald_gap_lines',
  /** The file that they were in. */
  file: 'skald_gap_file',
} as const

/** How the line of each marker begins. */
export const gapLinePrefix = 'skald gap: '
