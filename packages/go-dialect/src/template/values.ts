// The values of templates. Go tells its types apart where JavaScript does not, and templates show it:
//
//   undefined   no value at all (a missing key), printed as <no value>
//   null        a nil interface (JSON null)
//   boolean     bool
//   string      string, see go-bytes.ts
//   bigint      int
//   number      float64
//   GoInt       every other integer type, and the types made from them (time.Duration, time.Month)
//   GoList      slices
//   GoMap       maps with string keys
//   GoTime      time.Time
//   GoObject    pointers to structs with methods (*semver.Version)

import type { CompiledRegex } from '../regex/regex.ts'
import type { GoLocation } from '../time/civil-time.ts'
import { formatGoTime } from '../time/go-time-format.ts'
import { monthNames, weekdayNames } from '../time/go-time-layout.ts'
import { formatGoDuration } from '../time/time.ts'

export type Value =
  | undefined
  | null
  | boolean
  | string
  | bigint
  | number
  | GoInt
  | GoList
  | GoMap
  | GoTime
  | GoObject

/** Kinds of values, with the names from Go's reflect package. */
export type Kind =
  | 'invalid'
  | 'interface'
  | 'bool'
  | 'string'
  | 'int'
  | 'int64'
  | 'uint8'
  | 'float64'
  | 'slice'
  | 'map'
  | 'struct'
  | 'ptr'

export type IntType = 'int64' | 'uint8' | 'time.Duration' | 'time.Month' | 'time.Weekday'

const intKinds: Readonly<Record<IntType, Kind>> = {
  int64: 'int64',
  uint8: 'uint8',
  'time.Duration': 'int64',
  'time.Month': 'int',
  'time.Weekday': 'int',
}

/** An integer of a type other than `int`. */
export class GoInt {
  readonly type: IntType
  readonly value: bigint

  constructor(type: IntType, value: bigint) {
    this.type = type
    this.value = value
  }

  get kind(): Kind {
    return intKinds[this.type]
  }

  /** The text of types that print as words. */
  get name(): string | undefined {
    if (this.type === 'time.Duration') return formatGoDuration(this.value)
    if (this.type === 'time.Month') {
      return monthNames[Number(this.value) - 1] ?? `%!Month(${this.value})`
    }
    if (this.type === 'time.Weekday') {
      return weekdayNames[Number(this.value)] ?? `%!Weekday(${this.value})`
    }
    return undefined
  }
}

/** Creates an int64. Values out of range wrap around, like in Go. */
export function int64(value: bigint): GoInt {
  return new GoInt('int64', BigInt.asIntN(64, value))
}

/** Item types: `interface {}` for lists and maps of any values. */
export type ItemType = 'interface {}' | 'string' | 'int' | '[]interface {}'

/** A slice. */
export class GoList {
  readonly items: readonly Value[]
  readonly itemType: ItemType

  constructor(items: readonly Value[], itemType: ItemType = 'interface {}') {
    this.items = items
    this.itemType = itemType
  }
}

/** Source of a read-only map's values, rarely needed as a whole. */
export interface MapSource {
  get(key: string): Value
  entries(): Iterable<readonly [string, Value]>
}

/** A map with string keys, or a view that is filled when first needed as a whole. */
export class GoMap {
  readonly itemType: 'interface {}' | 'string'
  readonly #source: MapSource | undefined
  #entries: Map<string, Value> | undefined

  constructor(
    content: Map<string, Value> | MapSource,
    itemType: GoMap['itemType'] = 'interface {}',
  ) {
    this.itemType = itemType
    if (content instanceof Map) this.#entries = content
    else this.#source = content
  }

  /** Returns the value of a key, or `undefined` if there is none. */
  get(key: string): Value {
    return this.#entries ? this.#entries.get(key) : this.#source!.get(key)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  get size(): number {
    return this.all().size
  }

  /** Whether the map holds its own entries, instead of being a view. */
  get isFilled(): boolean {
    return this.#entries !== undefined
  }

  /** Returns all entries. Writing to them changes the map. */
  all(): Map<string, Value> {
    this.#entries ??= new Map(this.#source!.entries())
    return this.#entries
  }

  /** Returns the entries ordered by the bytes of their keys, like Go prints and ranges over them. */
  sorted(): (readonly [string, Value])[] {
    return [...this.all()].sort(([a], [b]) => compareText(a, b))
  }
}

/** A time and its zone. */
export class GoTime {
  readonly timestampNs: bigint
  readonly location: GoLocation

  constructor(timestampNs: bigint, location: GoLocation = 'UTC') {
    this.timestampNs = timestampNs
    this.location = location
  }

  format(layout: string): string {
    return formatGoTime(layout, this.timestampNs, { location: this.location })
  }

  toString(): string {
    return this.format('2006-01-02 15:04:05.999999999 -0700 MST')
  }
}

/** 0001-01-01T00:00:00Z, the zero of time.Time. */
export const zeroTime = new GoTime(-62_135_596_800_000_000_000n)

/** A pointer to a struct, known only by its methods. They take it as their first argument. */
export interface GoObject {
  readonly typeName: string
  readonly methods: Readonly<Record<string, TemplateFunction>>
  toString(): string
}

/** JavaScript type of each parameter type. */
export interface ParamValues {
  readonly string: string
  /** Go's `int`, exact up to 2^53. */
  readonly int: number
  readonly float64: number
  readonly bool: boolean
  /** A missing value is `null`. */
  readonly any: Value
  readonly time: GoTime
  readonly map: GoMap
  /** What `query` returns in rules: a list of maps. */
  readonly samples: GoList
  /** Like `any`, but a missing value is `undefined`. */
  readonly value: Value
}

export type ParamType = keyof ParamValues

/** What a function may use of the execution that calls it. */
export interface CallContext {
  /** The line of the entry. */
  line(): string
  /** The time of the entry. */
  timestampNs(): bigint
  nowNs(): bigint
  /** Compiles a regular expression, cached. */
  regex(pattern: string): CompiledRegex
  /** The answer to a query: a list of maps with `Labels` and `Value`. */
  query(text: string): Value
  /** The address under which people reach Grafana. */
  externalUrl(): string
}

/** A function that templates may call. */
export interface TemplateFunction {
  readonly params: readonly ParamType[]
  /** Type of all further arguments. */
  readonly rest: ParamType | undefined
  /** Why templates may not use the function. It exists only to report that. */
  readonly refusal?: string
  readonly call: (args: readonly Value[], context: CallContext) => Value
}

/** Returns Go's name of a value's type, as printed by `%T`. */
export function typeName(value: Value): string {
  if (value === undefined || value === null) return '<nil>'
  if (value instanceof GoInt) return value.type
  if (value instanceof GoList) return `[]${value.itemType}`
  if (value instanceof GoMap) return `map[string]${value.itemType}`
  if (value instanceof GoTime) return 'time.Time'
  return typeof value === 'object' ? value.typeName : primitiveKind(value)
}

/** Returns the kind of a value. */
export function kindOf(value: Value): Kind {
  if (value === undefined) return 'invalid'
  if (value === null) return 'interface'
  if (value instanceof GoInt) return value.kind
  if (value instanceof GoList) return 'slice'
  if (value instanceof GoMap) return 'map'
  if (value instanceof GoTime) return 'struct'
  return typeof value === 'object' ? 'ptr' : primitiveKind(value)
}

function primitiveKind(value: boolean | string | bigint | number) {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'bigint') return 'int'
  return typeof value === 'number' ? 'float64' : 'bool'
}

/**
 * Returns true if `if` treats a value as true: anything except the zero of its type. A time is always true.
 */
export function isTrue(value: Value): boolean {
  if (typeof value !== 'object' || value === null) return Boolean(value) || Number.isNaN(value)
  if (value instanceof GoInt) return value.value !== 0n
  if (value instanceof GoList) return value.items.length > 0
  return value instanceof GoMap ? value.size > 0 : true
}

/** Compares texts by their UTF-8 bytes. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // UTF-16 sorts characters beyond U+FFFF before U+E000; bytes sort them after.
    return rank(x) - rank(y)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x10000 : unit
}
