// Time functions, one row each. The local zone is UTC.

import { FunctionError } from '../../errors.ts'
import { quoteGoString } from '../../text/go-string.ts'
import { parseGoTime } from '../../time/go-time.ts'
import { nsPerMs, nsPerSecond, parseGoDuration } from '../../time/time.ts'
import { isTimeZone } from '../../time/time-zone.ts'
import { fn } from '../function.ts'
import { type CallContext, GoInt, GoTime, type Value, zeroTime } from '../values.ts'

/** Functions that queries and the agent have. */
export const timeFunctions = {
  now: fn([], context => new GoTime(context.nowNs())),
  date: fn(['string', 'any'], (layout, time, context) => formatIn(layout, time, { context })),
  toDate: fn(['string', 'string'], (layout, text) => readTime(layout, text, 'UTC')),
  unixEpoch: fn(['time'], time => String(floorDivide(time.timestampNs, nsPerSecond))),
}

/** Functions only for queries. */
export const queryTimeFunctions = {
  toDateInZone: fn(['string', 'string', 'string'], (layout, zone, text) =>
    readTime(layout, text, isTimeZone(zone) ? zone : 'UTC'),
  ),
  unixEpochMillis: fn(['time'], time => String(floorDivide(time.timestampNs, nsPerMs))),
  unixEpochNanos: fn(['time'], time => String(BigInt.asIntN(64, time.timestampNs))),
  unixToTime: fn(['string'], unixToTime),
  duration: fn(['string'], durationSeconds),
  duration_seconds: fn(['string'], durationSeconds),
}

/** Functions only for the agent. */
export const moreTimeFunctions = {
  ago: fn(['any'], (time, context) => {
    const past = context.nowNs() - momentOf(time, context).timestampNs
    const seconds = floorDivide(past + nsPerSecond / 2n, nsPerSecond)
    return new GoInt('time.Duration', seconds * nsPerSecond).name
  }),
  date_in_zone: fn(['string', 'any', 'string'], (layout, time, zone, context) =>
    formatIn(layout, time, { zone, context }),
  ),
  dateInZone: fn(['string', 'any', 'string'], (layout, time, zone, context) =>
    formatIn(layout, time, { zone, context }),
  ),
  date_modify: fn(['string', 'time'], (span, time) => moved(time, span) ?? time),
  dateModify: fn(['string', 'time'], (span, time) => moved(time, span) ?? time),
  must_date_modify: fn(['string', 'time'], movedStrictly),
  mustDateModify: fn(['string', 'time'], movedStrictly),
  duration: fn(['any'], value => {
    const seconds = typeof value === 'string' ? wholeNumber(value) : int64Of(value)
    return new GoInt('time.Duration', BigInt.asIntN(64, seconds * nsPerSecond)).name
  }),
  durationRound: fn(['any'], (value, context) => roundDuration(spanOf(value, context))),
  htmlDate: fn(['any'], (time, context) => formatIn('2006-01-02', time, { context })),
  htmlDateInZone: fn(['any', 'string'], (time, zone, context) =>
    formatIn('2006-01-02', time, { zone, context }),
  ),
  mustToDate: fn(['string', 'string'], (layout, text) => {
    const { timestampNs, location } = parseGoTime(layout, text)
    return new GoTime(timestampNs, location)
  }),
}

function readTime(layout: string, text: string, location: string): GoTime {
  try {
    const time = parseGoTime(layout, text, { location })
    return new GoTime(time.timestampNs, time.location)
  } catch (error) {
    // A text that does not fit the layout is the zero time.
    if (error instanceof SyntaxError) return zeroTime
    throw error
  }
}

/** Returns the moment of a time or of seconds since 1970, and the current time for anything else. */
function momentOf(value: Value, context: CallContext): GoTime {
  if (value instanceof GoTime) return value
  if (typeof value === 'bigint') return new GoTime(value * nsPerSecond)
  if (value instanceof GoInt && value.type === 'int64') return new GoTime(value.value * nsPerSecond)
  return new GoTime(context.nowNs())
}

function formatIn(
  layout: string,
  value: Value,
  { zone = 'UTC', context }: { readonly zone?: string; readonly context: CallContext },
): string {
  const { timestampNs } = momentOf(value, context)
  return new GoTime(timestampNs, isTimeZone(zone) ? zone : 'UTC').format(layout)
}

function moved(time: GoTime, span: string): GoTime | undefined {
  try {
    return movedStrictly(span, time)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function movedStrictly(span: string, time: GoTime): GoTime {
  return new GoTime(time.timestampNs + parseGoDuration(span), time.location)
}

function floorDivide(value: bigint, unit: bigint): bigint {
  const quotient = value / unit
  return value % unit < 0n ? quotient - 1n : quotient
}

function durationSeconds(text: string): number {
  const ns = parseGoDuration(text)
  return Number(ns / nsPerSecond) + Number(ns % nsPerSecond) / 1e9
}

function wholeNumber(text: string): bigint {
  return /^[+-]?\d{1,200}$/.test(text) ? BigInt(text) : 0n
}

function int64Of(value: Value): bigint {
  return value instanceof GoInt && value.type === 'int64' ? value.value : 0n
}

function spanOf(value: Value, context: CallContext): bigint {
  if (value instanceof GoTime) return context.nowNs() - value.timestampNs
  if (typeof value !== 'string') return int64Of(value)
  try {
    return parseGoDuration(value)
  } catch (error) {
    if (error instanceof SyntaxError) return 0n
    throw error
  }
}

const nsPerHour = 3600n * nsPerSecond
const roundingUnits: readonly (readonly [name: string, ns: bigint])[] = [
  ['y', 365n * 24n * nsPerHour],
  ['mo', 30n * 24n * nsPerHour],
  ['d', 24n * nsPerHour],
  ['h', nsPerHour],
  ['m', 60n * nsPerSecond],
  ['s', nsPerSecond],
]

/** Returns the largest unit of which a duration has more than one, and how many. Drops the sign. */
function roundDuration(span: bigint): string {
  const length = span < 0n ? -span : span
  for (const [name, ns] of roundingUnits) if (length > ns) return `${length / ns}${name}`
  return '0s'
}

/** Nanoseconds per unit, by the number of digits of a time: days, seconds, ms, µs and ns. */
const unitByDigits: Readonly<Record<number, bigint>> = {
  5: 24n * nsPerHour,
  10: nsPerSecond,
  13: nsPerMs,
  16: 1_000n,
  19: 1n,
}

function unixToTime(text: string): GoTime {
  const unit = unitByDigits[text.length]
  if (!/^[+-]?\d+$/.test(text)) {
    const why = `strconv.ParseInt: parsing ${quoteGoString(text)}: invalid syntax`
    throw new FunctionError(`unable to parse time '${text}': ${why}`)
  }
  if (unit === undefined) {
    throw new FunctionError(`unable to parse time '${text}': unknown number of digits`)
  }
  return new GoTime(BigInt(text) * unit)
}
