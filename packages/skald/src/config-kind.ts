// Tells kinds of configuration from each other by their keys: that of an agent (Promtail), that of a store (Loki),
// and a file of overrides.

import { isMap, parseDocument } from 'yaml'

/** Keys that only an agent's configuration has at its top. */
const agentKeys = ['scrape_configs', 'clients', 'client', 'positions', 'target_config']

/** Tells whether a text of YAML is an agent's configuration; what is neither is a store's. */
export function isAgentConfig(text: string): boolean {
  return hasTopKey(text, agentKeys)
}

/** Tells whether one of these keys stands at the top, also where the text is no YAML. */
export function hasTopKey(text: string, keys: readonly string[]): boolean {
  const document = parseDocument(text, { logLevel: 'silent' })
  const { contents } = document
  if (document.errors.length === 0) return isMap(contents) && keys.some(key => contents.has(key))
  return keys.some(key => new RegExp(`^${key}\\s*:`, 'm').test(text))
}

/** Reads `server.log_format` from a text of YAML, whatever else is in it. */
export function logFormatIn(text: string): unknown {
  const document = parseDocument(text, { logLevel: 'silent' })
  return document.errors.length === 0 ? document.getIn(['server', 'log_format']) : undefined
}
