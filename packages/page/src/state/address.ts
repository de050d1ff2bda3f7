// What is shown, as the part of the URL behind `#`. The store never sees it, and each state has an entry in the
// browser's history.

import { isTime, type TimeRange } from './range.ts'

export const viewNames = ['explore', 'patterns', 'labels', 'status'] as const
export type ViewName = (typeof viewNames)[number]
export const chartKinds = ['lines', 'bars', 'table', 'number'] as const
export type ChartKind = (typeof chartKinds)[number]

/** Everything that a link says. */
export interface Address {
  readonly view: ViewName
  /** Empty for the query that shows everything. */
  readonly query: string
  /** `undefined` if the link names none. */
  readonly range: TimeRange | undefined
  readonly order: 'newest' | 'oldest'
  readonly columns: readonly string[]
  /** Identity of the line that the link is about. */
  readonly line: string
  readonly isLive: boolean
  readonly chart: ChartKind
}

/** Reads the hash of a URL. What it does not know, it leaves out. */
export function parseAddress(hash: string): Address {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?')
  const params = new URLSearchParams(search)
  const get = (name: string) => params.get(name) ?? ''
  const from = get('from')
  const to = get('to')
  return {
    view: viewNames.find(name => name === path) ?? 'explore',
    query: get('q'),
    range: isTime(from) && isTime(to) ? { from, to } : undefined,
    order: get('order') === 'oldest' ? 'oldest' : 'newest',
    columns: get('columns').split(',').filter(Boolean),
    line: get('line'),
    isLive: get('live') === '1',
    chart: chartKinds.find(kind => kind === get('chart')) ?? 'lines',
  }
}

/** Writes the hash of a URL. */
export function formatAddress(address: Address): string {
  const { view, query, range, order, columns, line, isLive, chart } = address
  const params = new URLSearchParams()
  if (query !== '') params.set('q', query)
  if (range) {
    params.set('from', range.from)
    params.set('to', range.to)
  }
  if (order === 'oldest') params.set('order', order)
  if (columns.length > 0) params.set('columns', columns.join(','))
  if (line !== '') params.set('line', line)
  if (isLive) params.set('live', '1')
  if (chart !== 'lines') params.set('chart', chart)
  const search = params.toString()
  return `#/${view}${search === '' ? '' : `?${search}`}`
}
