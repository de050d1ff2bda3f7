// The frame of the HTML pages: plain HTML without scripts, light or dark like the reader's system, with
// links to the other pages and a filter that the server applies.

import { ascending } from '@skald/wire'
import { shownLabelCharactersMax } from '../limits.ts'

/** HTML that is safe to insert into a page. */
export interface Html {
  readonly html: string
}

/** Builds HTML. Escapes inserted values unless they are Html, and joins lists. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const written = parts.map((part, i) => part + (i < values.length ? write(values[i]!) : ''))
  return { html: written.join('') }
}

type HtmlValue = string | number | Html | readonly Html[]

function write(value: HtmlValue): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return escapeHtml(value)
  if ('html' in value) return value.html
  return value.map(write).join('')
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

const style = `
:root{color-scheme:light dark;--line:#d0d7de;--soft:#57606a;--chip:#eef1f4;--good:#1a7f37;--bad:#cf222e}
@media(prefers-color-scheme:dark){:root{--line:#30363d;--soft:#8b949e;--chip:#21262d;--good:#3fb950;--bad:#f85149}}
body{font:14px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem 2rem;max-width:90rem}
nav a{margin-right:1rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem}
table{border-collapse:collapse;width:100%;table-layout:fixed}
td,th{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
code,pre{font:12px/1.6 ui-monospace,monospace;overflow-wrap:anywhere}pre{white-space:pre-wrap}
code.label{background:var(--chip);border-radius:3px;padding:0 .3rem;margin:0 .2rem .2rem 0;display:inline-block}
.soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}
form{margin:1rem 0}input[type=search]{width:24rem;max-width:100%;padding:.3rem}
`

/** Title of a page and the prefix of its links. */
export interface PageFrame {
  readonly title: string
  /** Prefix of all routes. */
  readonly prefix: string
  /** Current filter. Absent on pages without one. */
  readonly filter?: string
}

/** Renders a complete page. */
export function renderPage({ title, prefix, filter }: PageFrame, body: Html): string {
  const links = [
    ['targets', 'Targets'],
    ['service-discovery', 'Service discovery'],
    ['config', 'Configuration'],
    ['metrics', 'Metrics'],
    ['ready', 'Ready'],
  ].map(([path, name]) => html`<a href="${prefix}/${path!}">${name!}</a>`)
  const form =
    filter === undefined
      ? html``
      : html`<form><input type="search" name="filter" value="${filter}" placeholder="part of a job, path or label" aria-label="Filter"> <button>Filter</button></form>`
  return html`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} - Skald agent</title><style>${{ html: style }}</style><nav>${links}</nav><h1>${title}</h1>${form}${body}</html>`
    .html
}

/** Renders labels for people. */
export function renderLabels(labels: Iterable<readonly [string, string]>): Html {
  const sorted = [...labels].sort(([a], [b]) => ascending(a, b))
  const items = sorted.map(([name, value]) => {
    const text = `${name}=${JSON.stringify(value)}`
    if (text.length <= shownLabelCharactersMax) return html`<code class="label">${text}</code> `
    return html`<code class="label" title="${text}">${text.slice(0, shownLabelCharactersMax)}…</code> `
  })
  return html`${items}`
}

/** Returns true if one of the texts contains the filter's text, ignoring case. */
export function passesFilter(filter: string, texts: Iterable<string>): boolean {
  const wanted = filter.trim().toLowerCase()
  if (wanted === '') return true
  for (const text of texts) if (text.toLowerCase().includes(wanted)) return true
  return false
}

/** Yields labels as text for the filter: `name=value` and `name="value"`. */
export function* labelTexts(labels: Iterable<readonly [string, string]>): Iterable<string> {
  for (const [name, value] of labels) {
    yield `${name}=${value}`
    yield `${name}=${JSON.stringify(value)}`
  }
}
