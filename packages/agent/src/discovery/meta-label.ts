// Names of the labels that discovery sets: `__meta_...`, visible only to relabelling rules.

const metaPrefix = '__meta_'

/** Makes the name of a meta label. Replaces characters that a label name cannot contain with `_`. */
export function metaLabel(...parts: readonly string[]): string {
  return metaPrefix + parts.join('_').replaceAll(/[^a-zA-Z0-9_]/g, '_')
}
