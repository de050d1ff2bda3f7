// Times and durations in the notations of Go, Prometheus and RFC 3339. Everything is a bigint of
// nanoseconds. Ranges of stored entries are {startNs, endNs} with an exclusive end.

import { quoteGoBytes, quoteGoString } from '../text/go-string.ts'

export const nsPerMs = 1_000_000n
export const nsPerSecond = 1_000_000_000n
const nsPerMinute = 60n * nsPerSecond
const nsPerHour = 60n * nsPerMinute
const nsPerDay = 24n * nsPerHour

const goUnits: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: nsPerMs,
  s: nsPerSecond,
  m: nsPerMinute,
  h: nsPerHour,
}
const maxInt64 = (1n << 63n) - 1n
const goPart = /(\d*)(?:\.(\d*))?([^\d.]*)/y

/**
 * Parses a Go duration: signed, fractions allowed, units ns us ms s m h (`1.5h`, `-250ms`,
 * `1h30m`).
 * @throws SyntaxError with the text of Go's time.ParseDuration.
 */
export function parseGoDuration(text: string): bigint {
  const invalid = () => new SyntaxError(`time: invalid duration ${quoteGoBytes(text)}`)
  const body = /^[+-]/.test(text) ? text.slice(1) : text
  if (body === '0') return 0n
  if (body === '') throw invalid()
  let total = 0n
  for (let at = 0; at < body.length; ) {
    goPart.lastIndex = at
    const match = goPart.exec(body)
    const [whole = '', fraction = '', unitText = ''] = match ? match.slice(1) : []
    if (!match || (whole === '' && fraction === '')) throw invalid()
    if (unitText === '')
      throw new SyntaxError(`time: missing unit in duration ${quoteGoBytes(text)}`)
    const unit = goUnits[unitText]
    if (unit === undefined) {
      throw new SyntaxError(
        `time: unknown unit ${quoteGoBytes(unitText)} in duration ${quoteGoBytes(text)}`,
      )
    }
    total += BigInt(whole || '0') * unit
    // Digits beyond the 18th cannot change a nanosecond of the largest unit.
    const digits = fraction.slice(0, 18)
    if (digits) total += (BigInt(digits) * unit) / 10n ** BigInt(digits.length)
    if (total > maxInt64) throw invalid()
    at = goPart.lastIndex
  }
  return text.startsWith('-') ? -total : total
}

/** Formats a duration like Go: `1h0m0s`, `1.5s`, `250ms`, `0s`. */
export function formatGoDuration(durationNs: bigint): string {
  if (durationNs === 0n) return '0s'
  const sign = durationNs < 0n ? '-' : ''
  const ns = durationNs < 0n ? -durationNs : durationNs
  if (ns < 1_000n) return `${sign}${ns}ns`
  if (ns < nsPerMs) return `${sign}${decimal(ns, 1_000n)}µs`
  if (ns < nsPerSecond) return `${sign}${decimal(ns, nsPerMs)}ms`
  const hours = ns / nsPerHour
  const minutes = (ns % nsPerHour) / nsPerMinute
  const seconds = `${decimal(ns % nsPerMinute, nsPerSecond)}s`
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`
}

/** Formats milliseconds like a Go duration, for messages: `10s`, `1m30s`, `250ms`. */
export function formatDurationMs(ms: number): string {
  return formatGoDuration(BigInt(Math.round(ms)) * nsPerMs)
}

function decimal(value: bigint, unit: bigint): string {
  const fraction = (value % unit).toString().padStart(unit.toString().length - 1, '0')
  const digits = fraction.replace(/0+$/, '')
  return digits ? `${value / unit}.${digits}` : `${value / unit}`
}

const prometheusUnits: readonly (readonly [unit: string, ns: bigint])[] = [
  ['y', 365n * nsPerDay],
  ['w', 7n * nsPerDay],
  ['d', nsPerDay],
  ['h', nsPerHour],
  ['m', nsPerMinute],
  ['s', nsPerSecond],
  ['ms', nsPerMs],
]

/**
 * Parses a Prometheus duration: whole numbers with units y w d h m s ms, largest first (`1h30m`,
 * `7d`).
 * @throws SyntaxError with the text of Prometheus's model.ParseDuration.
 */
export function parsePrometheusDuration(text: string): bigint {
  if (text === '') throw new SyntaxError('empty duration string')
  if (text === '0') return 0n
  let total = 0n
  let smallest = -1
  for (let at = 0; at < text.length; ) {
    const digits = /^\d+/.exec(text.slice(at))?.[0]
    if (!digits) throw new SyntaxError(`not a valid duration string: ${quoteGoString(text)}`)
    at += digits.length
    const unitText = /^[^\d]*/.exec(text.slice(at))![0]
    at += unitText.length
    if (unitText === '')
      throw new SyntaxError(`not a valid duration string: ${quoteGoString(text)}`)
    const index = prometheusUnits.findIndex(([unit]) => unit === unitText)
    if (index < 0) {
      throw new SyntaxError(
        `unknown unit ${quoteGoString(unitText)} in duration ${quoteGoString(text)}`,
      )
    }
    if (index <= smallest)
      throw new SyntaxError(`not a valid duration string: ${quoteGoString(text)}`)
    smallest = index
    total += BigInt(digits) * prometheusUnits[index]![1]
    if (total > maxInt64) throw new SyntaxError('duration out of range')
  }
  return total
}

/** Formats a duration like Prometheus, in whole milliseconds: `1h30m`, `7d`, `30d1h`, or `0s`. */
export function formatPrometheusDuration(durationNs: bigint): string {
  let rest = durationNs / nsPerMs
  if (rest === 0n) return '0s'
  let text = ''
  for (const [unit, unitNs] of prometheusUnits) {
    const unitMs = unitNs / nsPerMs
    // Like Prometheus, prints years and weeks only if they divide the rest exactly.
    if ((unit === 'y' || unit === 'w') && rest % unitMs !== 0n) continue
    const count = rest / unitMs
    if (count > 0n) text += `${count}${unit}`
    rest -= count * unitMs
  }
  return text
}

const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/**
 * Parses an RFC 3339 time with up to nine fractional digits. Returns `undefined` if the text is not
 * one.
 */
export function parseRfc3339(text: string): bigint | undefined {
  const match = rfc3339.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign, offHour, offMinute] = match
  const ms = Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!)
  const date = new Date(ms)
  if (+year! < 100) date.setUTCFullYear(+year!)
  const isReal =
    date.getUTCMonth() === +month! - 1 &&
    date.getUTCDate() === +day! &&
    +hour! < 24 &&
    +minute! < 60 &&
    +second! < 60
  if (!isReal) return undefined
  let ns = BigInt(date.getTime()) * nsPerMs + BigInt(fraction.padEnd(9, '0'))
  if (sign) {
    if (+offHour! > 23 || +offMinute! > 59) return undefined
    const offset = BigInt(+offHour! * 60 + +offMinute!) * nsPerMinute
    ns += sign === '+' ? -offset : offset
  }
  return ns
}

/**
 * Formats a time in UTC as RFC 3339, with only as many fractional digits as needed:
 * `2026-01-15T00:00:00.5Z`.
 */
export function formatRfc3339(timestampNs: bigint): string {
  const fraction = ((timestampNs % nsPerSecond) + nsPerSecond) % nsPerSecond
  const seconds = (timestampNs - fraction) / nsPerSecond
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  const digits = fraction.toString().padStart(9, '0').replace(/0+$/, '')
  return digits ? `${text}.${digits}Z` : `${text}Z`
}
