// What receivers are told about alerts.

import type { LabelSet } from '@skald/wire'

/** An alert as it goes to a receiver. */
export interface Notice {
  readonly tenant: string
  /** With the external labels. */
  readonly labels: LabelSet
  readonly annotations: LabelSet
  readonly state: 'firing' | 'resolved'
  readonly startsMs: number
  /** When it ended, or until when to believe it without another word. */
  readonly endsMs: number
  readonly value: number
  readonly link: string
  /** Returns false once another process tells receivers. Absent if there is none. */
  readonly isCurrent?: () => boolean
}

/** Returns the address of a query in Grafana, as Loki makes it. */
export function linkOf(
  expr: string,
  { externalUrl, datasourceUid }: { readonly externalUrl: string; readonly datasourceUid: string },
): string {
  const query = {
    expr,
    queryType: 'range',
    ...(datasourceUid && { datasource: { type: 'loki', uid: datasourceUid } }),
  }
  const left = escapeHtml(JSON.stringify({ queries: [query] }))
  return `${externalUrl}/explore?${new URLSearchParams({ left })}`
}

/** Go's JSON writes these characters as escapes. */
function escapeHtml(json: string): string {
  const codes: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' }
  return json.replace(/[<>&]/g, char => codes[char]!)
}
