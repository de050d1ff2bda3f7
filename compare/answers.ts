// Queries a server and compares two answers. Lines with equal times and series may be in any order.
// Numbers may differ in the last digits, because sums are added in different orders.

import type { CompareQuery } from './queries.ts'

/** An answer prepared for comparison: the data of a good one, or the text of an error. */
export interface Answer {
  readonly status: number
  readonly data: unknown
  readonly error: string
}

const tolerance = 1e-9

/** Sends a query. If the server does not answer at all, the status is 0. */
export async function ask(url: string, query: CompareQuery): Promise<Answer> {
  const params = new URLSearchParams({ query: query.logql, ...query.params })
  const headers: Record<string, string> = query.isCategorized
    ? { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' }
    : {}
  try {
    const response = await fetch(`${url}/loki/api/v1/${query.route}?${params}`, { headers })
    const text = await response.text()
    if (response.status !== 200)
      return { status: response.status, data: undefined, error: text.trim() }
    const { data } = JSON.parse(text) as { data: { resultType: string; result: unknown } }
    return {
      status: 200,
      data: { resultType: data.resultType, result: canonical(data) },
      error: '',
    }
  } catch (error) {
    return { status: 0, data: undefined, error: String((error as Error).cause ?? error) }
  }
}

/** Returns true if a good answer contains data. */
export function hasData({ data }: Answer): boolean {
  return isRecord(data) && Array.isArray(data.result) && data.result.length > 0
}

interface Item {
  readonly stream?: Readonly<Record<string, string>>
  readonly metric?: Readonly<Record<string, string>>
  readonly values?: readonly (readonly unknown[])[]
  readonly value?: readonly unknown[]
}

/** Sorts everything whose order is arbitrary. */
function canonical({ resultType, result }: { resultType: string; result: unknown }): unknown {
  // Loki's time here is an overflowed number.
  if (resultType === 'scalar') return [(result as unknown[])[1]]
  const items = (result as readonly Item[]).map(item => {
    const labels = sortedText(item.stream ?? item.metric ?? {})
    const values = item.values ?? [item.value ?? []]
    const sorted = resultType === 'streams' ? values.map(value => sortedText(value)).sort() : values
    return [labels, sorted] as const
  })
  return items.sort(
    ([a, av], [b, bv]) => compareTexts(a, b) || compareTexts(String(av), String(bv)),
  )
}

const compareTexts = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function sortedText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => compareTexts(a, b)))
      : inner,
  )
}

/**
 * Describes how two answers differ, or returns `undefined` if they do not. Error texts are not
 * compared.
 */
export function difference(wanted: Answer, got: Answer): string | undefined {
  if (wanted.status !== got.status) {
    return `status ${wanted.status} ${wanted.error.slice(0, 300)}, not ${got.status} ${got.error.slice(0, 300)}`
  }
  return wanted.status === 200 ? firstDifference(wanted.data, got.data, 'data') : undefined
}

function firstDifference(wanted: unknown, got: unknown, at: string): string | undefined {
  if (Array.isArray(wanted) && Array.isArray(got)) {
    const length = Math.max(wanted.length, got.length)
    for (let i = 0; i < length; i++) {
      if (i >= wanted.length) return `${at}: ${short(got[i])} is too much`
      if (i >= got.length) return `${at}: ${short(wanted[i])} is missing`
      const found = firstDifference(wanted[i], got[i], `${at}[${i}]`)
      if (found) return found
    }
    return undefined
  }
  if (isRecord(wanted) && isRecord(got)) {
    for (const key of new Set([...Object.keys(wanted), ...Object.keys(got)])) {
      const found = firstDifference(wanted[key], got[key], `${at}.${key}`)
      if (found) return found
    }
    return undefined
  }
  if (wanted === got || isSameNumber(wanted, got)) return undefined
  return `${at}: ${short(wanted)}, not ${short(got)}`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSameNumber(a: unknown, b: unknown): boolean {
  if (typeof a !== 'string' || typeof b !== 'string') return false
  const [x, y] = [Number(a), Number(b)]
  if (Number.isNaN(x) || Number.isNaN(y) || a === '' || b === '') return false
  // A difference of sums can leave a small remainder where the other server has zero.
  return Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y), 1)
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
