// The methods of values, one row each. The first parameter of a row is the receiver.

import { FunctionError } from '../errors.ts'
import { type CivilTime, civilTime, civilToNs } from '../time/civil-time.ts'
import { nsPerMs, nsPerSecond } from '../time/time.ts'
import { fn } from './function.ts'
import {
  GoInt,
  GoList,
  GoMap,
  GoTime,
  int64,
  type TemplateFunction,
  typeName,
  type Value,
  zeroTime,
} from './values.ts'

type MethodTable = Readonly<Record<string, TemplateFunction>>

/** Finds a method of a value. */
export function findMethod(receiver: Value, name: string): TemplateFunction | undefined {
  if (typeof receiver !== 'object' || receiver === null) return undefined
  if (receiver instanceof GoTime) return ownRow(timeMethods, name)
  if (receiver instanceof GoInt) return ownRow(integerMethods[receiver.type], name)
  if (receiver instanceof GoList || receiver instanceof GoMap) return undefined
  return ownRow(receiver.methods, name)
}

function ownRow(table: MethodTable | undefined, name: string): TemplateFunction | undefined {
  return table && Object.hasOwn(table, name) ? table[name] : undefined
}

const integerMethods: Readonly<Record<string, MethodTable>> = {
  'time.Duration': {
    String: fn(['any'], span => (span as GoInt).name),
    Hours: fn(['any'], span => inUnits(span, 3_600_000_000_000n)),
    Minutes: fn(['any'], span => inUnits(span, 60_000_000_000n)),
    Seconds: fn(['any'], span => inUnits(span, nsPerSecond)),
    Milliseconds: fn(['any'], span => int64((span as GoInt).value / nsPerMs)),
    Microseconds: fn(['any'], span => int64((span as GoInt).value / 1_000n)),
    Nanoseconds: fn(['any'], span => int64((span as GoInt).value)),
  },
  'time.Month': { String: fn(['any'], month => (month as GoInt).name) },
  'time.Weekday': { String: fn(['any'], day => (day as GoInt).name) },
}

const timeMethods: MethodTable = {
  Format: fn(['time', 'string'], (time, layout) => time.format(layout)),
  String: fn(['time'], time => time.toString()),
  Unix: fn(['time'], time => int64(floorDivide(time.timestampNs, nsPerSecond))),
  UnixMilli: fn(['time'], time => int64(floorDivide(time.timestampNs, nsPerMs))),
  UnixMicro: fn(['time'], time => int64(floorDivide(time.timestampNs, 1_000n))),
  UnixNano: fn(['time'], time => int64(time.timestampNs)),
  Year: fn(['time'], time => BigInt(civil(time).year)),
  Month: fn(['time'], time => new GoInt('time.Month', BigInt(civil(time).month))),
  Day: fn(['time'], time => BigInt(civil(time).day)),
  Hour: fn(['time'], time => BigInt(civil(time).hour)),
  Minute: fn(['time'], time => BigInt(civil(time).minute)),
  Second: fn(['time'], time => BigInt(civil(time).second)),
  Nanosecond: fn(['time'], time => BigInt(civil(time).nanosecond)),
  Weekday: fn(['time'], time => new GoInt('time.Weekday', BigInt(civil(time).weekday))),
  YearDay: fn(['time'], time => BigInt(civil(time).yearDay)),
  UTC: fn(['time'], time => new GoTime(time.timestampNs)),
  Local: fn(['time'], time => new GoTime(time.timestampNs)),
  IsZero: fn(['time'], time => time.timestampNs === zeroTime.timestampNs),
  Equal: fn(['time', 'time'], (time, other) => time.timestampNs === other.timestampNs),
  Before: fn(['time', 'time'], (time, other) => time.timestampNs < other.timestampNs),
  After: fn(['time', 'time'], (time, other) => time.timestampNs > other.timestampNs),
  Compare: fn(['time', 'time'], (time, other) => {
    if (time.timestampNs === other.timestampNs) return 0n
    return time.timestampNs < other.timestampNs ? -1n : 1n
  }),
  Sub: fn(['time', 'time'], (time, other) => {
    return new GoInt('time.Duration', clampInt64(time.timestampNs - other.timestampNs))
  }),
  AddDate: fn(['time', 'int', 'int', 'int'], (time, years, months, days) => {
    const { year, month, day, ...clock } = civil(time)
    const date = { year: year + years, month: month + months, day: day + days }
    return new GoTime(civilToNs({ ...clock, ...date }, time.location), time.location)
  }),
  Add: fn(['time', 'any'], (time, span) => {
    return new GoTime(time.timestampNs + durationNs(span), time.location)
  }),
  Truncate: fn(['time', 'any'], (time, span) => {
    const unit = durationNs(span)
    const past = unit > 0n ? sinceZero(time) % unit : 0n
    return new GoTime(time.timestampNs - past, time.location)
  }),
  Round: fn(['time', 'any'], (time, span) => {
    const unit = durationNs(span)
    const past = unit > 0n ? sinceZero(time) % unit : 0n
    const shift = past * 2n < unit ? -past : unit - past
    return new GoTime(time.timestampNs + (unit > 0n ? shift : 0n), time.location)
  }),
}

/** Like Go, divides whole units and the rest separately, which affects rounding. */
function inUnits(span: Value, unitNs: bigint): number {
  const ns = (span as GoInt).value
  return Number(ns / unitNs) + Number(ns % unitNs) / Number(unitNs)
}

function civil(time: GoTime): CivilTime {
  return civilTime(time.timestampNs, time.location)
}

function floorDivide(value: bigint, unit: bigint): bigint {
  const quotient = value / unit
  return value % unit < 0n ? quotient - 1n : quotient
}

function sinceZero(time: GoTime): bigint {
  return time.timestampNs - zeroTime.timestampNs
}

function clampInt64(value: bigint): bigint {
  const max = (1n << 63n) - 1n
  if (value > max) return max
  return value < -max - 1n ? -max - 1n : value
}

function durationNs(value: Value): bigint {
  if (value instanceof GoInt && value.type === 'time.Duration') return value.value
  // A constant of a template becomes a span of nanoseconds, as in Go.
  if (typeof value === 'bigint') return value
  throw new FunctionError(
    `wrong type for value; expected time.Duration; got ${value === null ? '<nil>' : typeName(value)}`,
  )
}
