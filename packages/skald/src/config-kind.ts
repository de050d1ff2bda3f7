// Recognizes a configuration by its keys: an agent's (Promtail), a store's (Loki), or a file of overrides.

import { isMap, parseDocument } from 'yaml'

/** Top-level keys that only an agent's configuration has. */
const agentKeys = ['scrape_configs', 'clients', 'client', 'positions', 'target_config']

/** Returns whether a YAML text is an agent's configuration. Everything else counts as a store's. */
export function isAgentConfig(text: string): boolean {
  return hasTopKey(text, agentKeys)
}

/** Returns whether one of these keys is at the top level, even if the text is not valid YAML. */
export function hasTopKey(text: string, keys: readonly string[]): boolean {
  const document = parseDocument(text, { logLevel: 'silent' })
  const { contents } = document
  if (document.errors.length === 0) return isMap(contents) && keys.some(key => contents.has(key))
  return keys.some(key => new RegExp(`^${key}\\s*:`, 'm').test(text))
}

/** Returns `server.log_format` from a YAML text. Ignores all other keys. */
export function logFormatIn(text: string): unknown {
  const document = parseDocument(text, { logLevel: 'silent' })
  return document.errors.length === 0 ? document.getIn(['server', 'log_format']) : undefined
}
