// Names of the labels that discovery finds: `__meta_...`, which only relabelling rules see.

const metaPrefix = '__meta_'

/** Makes the name of a meta label of anything: signs that a label name cannot have become `_`. */
export function metaLabel(...parts: readonly string[]): string {
  return metaPrefix + parts.join('_').replaceAll(/[^a-zA-Z0-9_]/g, '_')
}
