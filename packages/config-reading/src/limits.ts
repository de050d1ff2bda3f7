// All limits of this package. A few lines of YAML can name lists of lists of aliases that would fill the memory.

/**
 * Maximum number of values that aliases may add to a document. Loki's and Promtail's decoder also lets aliases
 * make nearly the whole document up to this size; no real configuration comes close.
 */
export const aliasedValuesMax = 400_000

/** Maximum known keys to list in a message about an unknown one. Longer lists do not help. */
export const listedKeysMax = 60
