// Web pages for people: what is read, and the configuration with its secrets hidden.

import type { FoundFileStatus } from '../tail/target-manager.ts'

const style =
  'body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1f24}table{border-collapse:collapse}' +
  'td,th{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #d0d7de;vertical-align:top}' +
  'code,pre{font:13px/1.5 ui-monospace,monospace}'

/** Renders the list of files. */
export function renderTargetsPage(files: readonly FoundFileStatus[]): string {
  const rows = files.map(({ job, path, labels, readOffset }) => {
    const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
    return `<tr><td>${escapeHtml(job)}</td><td><code>${escapeHtml(path)}</code></td><td><code>${escapeHtml(pairs.join(' '))}</code></td><td>${readOffset}</td></tr>`
  })
  const head = '<tr><th>Job</th><th>File</th><th>Labels</th><th>Position</th></tr>'
  return page('Targets', `<table>${head}${rows.join('')}</table>`)
}

/** Renders the configuration. */
export function renderConfigPage(configText: string): string {
  return page('Configuration', `<pre>${escapeHtml(hideSecrets(configText))}</pre>`)
}

const secretKey =
  /^(\s*(?:-\s*)?["']?(?:password|credentials|bearer_token|client_secret|key|secrets)["']?\s*:\s*)\S.*$/gm
const inlineSecret = /(\b(?:password|credentials|bearer_token|client_secret)["']?\s*:\s*)[^,}\n]+/g

/** Replaces the values of secret keys. */
export function hideSecrets(configText: string): string {
  return configText.replace(secretKey, '$1<secret>').replace(inlineSecret, '$1<secret>')
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} - Skald agent</title><style>${style}</style><h1>${title}</h1>${body}</html>`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
