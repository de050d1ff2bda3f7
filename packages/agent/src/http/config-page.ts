// /config: the configuration in force. Hides secrets, and drops comments because a comment may hold an old
// secret.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import type { AgentConfig } from '../config/agent-config.ts'
import { html, renderPage } from './page.ts'

const hidden = '<secret>'

// Keys whose values are always secrets.
const secretKeys = new Set([
  ...['password', 'credentials', 'bearer_token', 'client_secret', 'secrets'],
  ...['connection_string', 'api_token', 'token', 'access_key', 'secret_key'],
])
// Headers that carry a secret.
const secretHeader = /authorization|token|secret|key|cookie|password/i

/** Renders the page: first the parts left out because of mistakes, then the text of the configuration. */
export function renderConfigPage(
  { text, leftOut }: Pick<AgentConfig, 'text' | 'leftOut'>,
  prefix: string,
): string {
  const mistakes = leftOut.map(
    mistake => html`<p><span class="bad">left out:</span> <code>${mistake}</code></p>`,
  )
  const body = html`${mistakes}<pre>${hideSecrets(text)}</pre>`
  return renderPage({ title: 'Configuration', prefix }, body)
}

/** Returns a configuration without secrets and comments. */
export function hideSecrets(configText: string): string {
  const document = parseDocument(configText, {
    ...{ schema: 'failsafe', merge: false, uniqueKeys: false },
  } as const)
  // The configuration in force always parses; anything else is not shown at all.
  if (document.errors.length > 0) return 'The configuration cannot be shown'
  document.comment = null
  document.commentBefore = null
  visit(document, {
    Node: (_key, node) => {
      node.comment = null
      node.commentBefore = null
    },
  })
  visit(document, {
    Pair: (_key, pair, path) => {
      const name = isScalar(pair.key) ? String(pair.key.value) : ''
      if (isSecret(name, parentKey(path))) hideValue(pair.value as Node | null, document)
    },
    Scalar: (_key, scalar) => {
      if (typeof scalar.value === 'string') scalar.value = hideUserInfo(scalar.value)
    },
  })
  return document.toString({ lineWidth: 0 })
}

/** Returns the key of the nearest enclosing pair. */
function parentKey(path: readonly unknown[]): string {
  for (const node of path.toReversed()) {
    const key = (node as { key?: unknown }).key
    if (isScalar(key)) return String(key.value)
  }
  return ''
}

function isSecret(name: string, parent: string): boolean {
  if (secretKeys.has(name)) return true
  if (parent === 'tls_config') return name === 'key'
  return (parent === 'headers' || parent === 'http_headers') && secretHeader.test(name)
}

/** Hides every string in a value. */
function hideValue(node: Node | null, document: Document): void {
  if (isScalar(node)) {
    node.value = hidden
    delete node.type
  } else if (isAlias(node)) hideValue(node.resolve(document) ?? null, document)
  else if (isSeq(node)) for (const item of node.items) hideValue(item as Node, document)
  else if (isMap(node)) for (const { value } of node.items) hideValue(value as Node, document)
}

/** Hides the user and password of a URL. */
function hideUserInfo(text: string): string {
  return text.replace(/^(\w+:\/\/)[^/@\s]+@/, `$1${hidden}@`)
}
