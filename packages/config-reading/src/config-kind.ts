// Recognizes a configuration by its keys: an agent's (Promtail's), a store's (Loki's), or a store's file of overrides or
// of rules.
// Texts that are not valid YAML are recognized too, so that their mistakes are told in the right words.

import { parseYaml, type YamlCursor } from './yaml-cursor.ts'

/** Kinds of configuration files. */
export type ConfigKind = 'agent' | 'store' | 'overrides' | 'rules' | 'empty'

/** Top-level keys that only an agent's configuration has. */
const agentKeys = ['scrape_configs', 'clients', 'client', 'positions', 'target_config']

/** Top-level keys that only a store's configuration has. */
const storeKeys = [
  ...['auth_enabled', 'common', 'schema_config', 'storage_config', 'compactor', 'ingester'],
  ...['querier', 'query_range', 'frontend', 'distributor', 'ruler', 'table_manager'],
  ...['chunk_store_config', 'runtime_config', 'pattern_ingester', 'memberlist'],
]

/** Returns the kind of a file by its top-level keys. What has no telling keys counts as a store's. */
export function kindOfConfig(text: string): ConfigKind {
  const { root, problems } = parseYaml(text)
  const isValid = problems.length === 0
  const has = (key: string) =>
    isValid ? root.get(key) !== undefined : new RegExp(`^${key}\\s*:`, 'm').test(text)
  if (isValid && root.isNull) return 'empty'
  if (agentKeys.some(has)) return 'agent'
  if (has('overrides')) return 'overrides'
  return has('groups') && !storeKeys.some(has) ? 'rules' : 'store'
}

/** Returns `server.log_format` from a YAML text. Ignores all other keys. */
export function logFormatIn(text: string): string | undefined {
  const { root, problems } = parseYaml(text)
  return problems.length === 0 ? root.get('server')?.get('log_format')?.scalarText : undefined
}

/**
 * Reports a configuration that is clearly the other program's, in one sentence at its first telling key. Returns
 * whether it is.
 *
 * @param program The program that reads it.
 */
export function isOtherProgram(root: YamlCursor, program: 'agent' | 'store'): boolean {
  const [own, others, other] =
    program === 'agent'
      ? ([agentKeys, storeKeys, "a store's (Loki's)"] as const)
      : ([storeKeys, agentKeys, "an agent's (Promtail's)"] as const)
  const telling = others.map(key => ({ key, value: root.get(key) })).find(({ value }) => value)
  if (!telling || own.some(key => root.get(key))) return false
  const command = program === 'agent' ? 'store' : 'agent'
  telling.value?.failAtKey(
    `This is ${other} configuration, because it has ${telling.key}: run skald ${command} with it`,
  )
  return true
}
