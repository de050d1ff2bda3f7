// Tells the configuration of an agent (Promtail) from that of a store (Loki) by its keys.

import { parseDocument } from 'yaml'

/** Keys that only an agent's configuration has at its top. */
const agentKeys = ['scrape_configs', 'clients', 'client', 'positions', 'target_config']

/** Tells whether a text of YAML is an agent's configuration; what is neither is a store's. */
export function isAgentConfig(text: string): boolean {
  const top: unknown = parseDocument(text, { logLevel: 'silent' }).toJS()
  return typeof top === 'object' && top !== null && agentKeys.some(key => Object.hasOwn(top, key))
}
