// The functions of the templates in alerting rules: those of Prometheus. To add one, add a row here, and a test.

import { FunctionError } from '../errors.ts'
import { parseFloatText } from '../number/conversions.ts'
import { toLower, toTitle, toUpper } from '../text/letter-case.ts'
import { nsPerMs, nsPerSecond, parsePrometheusDuration } from '../time/time.ts'
import { type FunctionTable, fn, variadic } from './function.ts'
import { checkTextLength, printValue } from './print.ts'
import { sprintf } from './printf.ts'
import { compareText, GoInt, GoList, GoMap, GoTime, typeName, type Value } from './values.ts'

export const prometheusFunctions: FunctionTable = {
  query: fn(['string'], (text, context) => context.query(text)),
  first: fn(['samples'], list => {
    const [item] = itemsOf(list)
    if (item === undefined) throw new FunctionError('first() called on vector with no elements')
    return item
  }),
  label: fn(['string', 'map'], (name, sample) => labelOf(sample, name)),
  value: fn(['map'], sample => sample.get('Value')),
  strvalue: fn(['map'], sample => labelOf(sample, '__value__')),
  sortByLabel: fn(['string', 'samples'], (name, list) => {
    const sorted = itemsOf(list).toSorted((a, b) => compareText(labelOf(a, name), labelOf(b, name)))
    return new GoList(sorted)
  }),
  args: variadic([], 'any', values => {
    return new GoMap(new Map(values.map((value, i) => [`arg${i}`, value])))
  }),
  reReplaceAll: fn(['string', 'string', 'string'], (pattern, by, text, context) => {
    const replaced = context.regex(pattern).replaceAll(text, by)
    checkTextLength(replaced.length)
    return replaced
  }),
  match: fn(['string', 'string'], (pattern, text, context) => context.regex(pattern).test(text)),
  safeHtml: fn(['string'], text => text),
  title: fn(['string'], toTitle),
  toUpper: fn(['string'], toUpper),
  toLower: fn(['string'], toLower),
  graphLink: fn(['string'], expr => `/graph?g0.expr=${queryEscape(expr)}&g0.tab=0`),
  tableLink: fn(['string'], expr => `/graph?g0.expr=${queryEscape(expr)}&g0.tab=1`),
  stripPort: fn(['string'], address => splitAddress(address)?.host ?? address),
  stripDomain: fn(['string'], stripDomain),
  humanize: fn(['any'], value => humanize(toFloat(value))),
  humanize1024: fn(['any'], value => humanize1024(toFloat(value))),
  humanizeDuration: fn(['any'], value => humanizeDuration(toFloat(value))),
  humanizePercentage: fn(['any'], value => `${short(toFloat(value) * 100)}%`),
  humanizeTimestamp: fn(['any'], value => {
    const seconds = toFloat(value)
    return Number.isFinite(seconds) ? timeOf(seconds).toString() : short(seconds)
  }),
  toTime: fn(['any'], value => {
    const seconds = toFloat(value)
    if (!Number.isFinite(seconds)) throw new FunctionError('value is NaN or Inf')
    return timeOf(seconds)
  }),
  toDuration: fn(['any'], value => new GoInt('time.Duration', nanosecondsOf(toFloat(value)))),
  now: fn([], context => Number(context.nowNs() / nsPerMs) / 1000),
  pathPrefix: fn([], context => URL.parse(context.externalUrl())?.pathname ?? ''),
  externalURL: fn([], context => context.externalUrl()),
  parseDuration: fn(['string'], parseDuration),
  urlQueryEscape: fn(['string'], queryEscape),
}

/** Returns the samples of a list that `query` returned. */
function itemsOf(list: GoList): readonly GoMap[] {
  return list.items.filter(item => item instanceof GoMap)
}

function labelOf(sample: GoMap, name: string): string {
  const labels = sample.get('Labels')
  const value = labels instanceof GoMap ? labels.get(name) : undefined
  return typeof value === 'string' ? value : ''
}

function toFloat(value: Value): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof GoInt) {
    return value.type === 'time.Duration' ? Number(value.value) / 1e9 : Number(value.value)
  }
  if (typeof value !== 'string')
    throw new FunctionError(`can't convert ${typeName(value)} to float`)
  try {
    return parseFloatText(value)
  } catch (cause) {
    const why = `strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`
    throw new FunctionError(why, { cause })
  }
}

/** Prints a number with four digits, as Go's `%.4g` does. */
function short(value: number): string {
  return sprintf('%.4g', [value])
}

const largePrefixes = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y']
const smallPrefixes = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y']

function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return short(value)
  if (Math.abs(value) < 1) return withSmallPrefix(value, '')
  return withLargePrefix(value, { base: 1000, unit: '' })
}

function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return short(value)
  return withLargePrefix(value, { base: 1024, unit: 'i' })
}

function withLargePrefix(
  value: number,
  { base, unit }: { readonly base: number; readonly unit: string },
): string {
  let rest = value
  let at = -1
  while (Math.abs(rest) >= base && at + 1 < largePrefixes.length) {
    rest /= base
    at++
  }
  return at < 0 ? short(rest) : `${short(rest)}${largePrefixes[at]}${unit}`
}

function withSmallPrefix(value: number, unit: string): string {
  let rest = value
  let at = -1
  while (Math.abs(rest) < 1 && at + 1 < smallPrefixes.length) {
    rest *= 1000
    at++
  }
  return `${short(rest)}${smallPrefixes[at] ?? ''}${unit}`
}

function humanizeDuration(value: number): string {
  if (!Number.isFinite(value)) return short(value)
  if (value === 0) return `${short(value)}s`
  if (Math.abs(value) < 1) return withSmallPrefix(value, 's')
  const sign = value < 0 ? '-' : ''
  const whole = Math.trunc(Math.abs(value))
  const seconds = whole % 60
  const minutes = Math.floor(whole / 60) % 60
  const hours = Math.floor(whole / 3600) % 24
  const days = Math.floor(whole / 86_400)
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${seconds}s`
  if (minutes > 0) return `${sign}${minutes}m ${seconds}s`
  return `${sign}${short(Math.abs(value))}s`
}

function timeOf(seconds: number): GoTime {
  return new GoTime((nanosecondsOf(seconds) / nsPerMs) * nsPerMs)
}

function nanosecondsOf(seconds: number): bigint {
  const ns = seconds * 1e9
  if (!Number.isFinite(ns) || Math.abs(ns) >= 2 ** 63) {
    throw new FunctionError(
      `${printValue(seconds)} cannot be represented as a nanoseconds timestamp since it overflows int64`,
    )
  }
  return BigInt(Math.trunc(ns))
}

function parseDuration(text: string): number {
  const isNegative = text.startsWith('-')
  try {
    const seconds =
      Number(parsePrometheusDuration(isNegative ? text.slice(1) : text)) / Number(nsPerSecond)
    return isNegative ? -seconds : seconds
  } catch (cause) {
    throw new FunctionError(`not a valid duration string: ${JSON.stringify(text)}`, { cause })
  }
}

function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function splitAddress(
  address: string,
): { readonly host: string; readonly port: string } | undefined {
  const [, v6, v6Port] = /^\[([^\]]*)\]:([^:]*)$/.exec(address) ?? []
  if (v6 !== undefined) return { host: v6, port: v6Port! }
  const [, host, port] = /^([^:[\]]*):([^:]*)$/.exec(address) ?? []
  return host === undefined ? undefined : { host, port: port! }
}

const v4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|$)){4}$/

function isAddress(host: string): boolean {
  return v4.test(host) || /^[\da-f:.]*:[\da-f:.]*$/i.test(host)
}

function stripDomain(address: string): string {
  const { host, port } = splitAddress(address) ?? { host: address, port: '' }
  if (isAddress(host)) return address
  const name = host.split('.')[0]!
  return port === '' ? name : `${name}:${port}`
}
