// Times as people read them, to the nanosecond.

export type Zone = 'local' | 'utc'

const pad = (value: number, digits = 2) => String(value).padStart(digits, '0')

/** Splits nanoseconds into milliseconds since 1970 and the nine digits below the second. */
function split(ns: string): { readonly ms: number; readonly digits: string } {
  const seconds = Number(ns.slice(0, -9) || '0')
  return { ms: seconds * 1000, digits: ns.slice(-9).padStart(9, '0') }
}

/** Formats a time: `2026-11-30 15:04:05.123456789`. */
export function formatNs(ns: string, zone: Zone): string {
  const { ms, digits } = split(ns)
  return `${formatDate(ms, zone)} ${formatClock(ms, zone)}.${digits}`
}

/** Formats the date: `2026-11-30`. */
export function formatDate(ms: number, zone: Zone): string {
  const date = new Date(ms)
  return zone === 'utc'
    ? `${date.getUTCFullYear()}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`
    : `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
}

/** Formats the time of day: `15:04:05`. */
export function formatClock(ms: number, zone: Zone): string {
  const date = new Date(ms)
  return zone === 'utc'
    ? `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())}`
    : `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
}

/** Formats a minute, for fields of forms: `2026-11-30T15:04:05`. */
export function formatInput(ms: number, zone: Zone): string {
  return `${formatDate(ms, zone)}T${formatClock(ms, zone)}`
}

/** Reads a field of a form; `undefined` if it is empty or wrong. */
export function parseInput(text: string, zone: Zone): number | undefined {
  if (text.trim() === '') return undefined
  const ms = new Date(zone === 'utc' ? `${text}Z` : text).getTime()
  return Number.isNaN(ms) ? undefined : ms
}
