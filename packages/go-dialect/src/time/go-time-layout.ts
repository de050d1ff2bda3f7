// Splits Go's reference time layouts (`2006-01-02T15:04:05Z07:00`) into the parts that go-time.ts
// reads and go-time-format.ts writes. Source: https://pkg.go.dev/time#pkg-constants

/** One part of a layout: its meaning, its spelling, and the literal text before it. */
export interface LayoutPart {
  readonly kind: LayoutPartKind
  /** Literal text in front of the part. */
  readonly prefix: string
  /** The spelling in the layout: `Jan`, `_2`, `.000`. */
  readonly text: string
  /** Digits after the separator for fractions, otherwise 0. */
  readonly digitCount: number
  /** Whether the next part is a fraction. */
  readonly isBeforeFraction: boolean
}

export type LayoutPartKind =
  | 'end'
  | 'year'
  | 'longYear'
  | 'month'
  | 'longMonth'
  | 'numMonth'
  | 'zeroMonth'
  | 'weekday'
  | 'longWeekday'
  | 'day'
  | 'underDay'
  | 'zeroDay'
  | 'underYearDay'
  | 'zeroYearDay'
  | 'hour'
  | 'hour12'
  | 'zeroHour12'
  | 'minute'
  | 'zeroMinute'
  | 'second'
  | 'zeroSecond'
  | 'upperPm'
  | 'lowerPm'
  | 'zoneName'
  | 'offset'
  | 'isoOffset'
  | 'fraction'
  | 'trimmedFraction'

// If one spelling starts with another, the longer one comes first.
const spellings: readonly (readonly [text: string, kind: LayoutPartKind])[] = [
  ['January', 'longMonth'],
  ['Jan', 'month'],
  ['Monday', 'longWeekday'],
  ['Mon', 'weekday'],
  ['MST', 'zoneName'],
  ['002', 'zeroYearDay'],
  ['01', 'zeroMonth'],
  ['02', 'zeroDay'],
  ['03', 'zeroHour12'],
  ['04', 'zeroMinute'],
  ['05', 'zeroSecond'],
  ['06', 'year'],
  ['15', 'hour'],
  ['1', 'numMonth'],
  ['2006', 'longYear'],
  ['2', 'day'],
  ['__2', 'underYearDay'],
  ['_2', 'underDay'],
  ['3', 'hour12'],
  ['4', 'minute'],
  ['5', 'second'],
  ['PM', 'upperPm'],
  ['pm', 'lowerPm'],
  ['-07:00:00', 'offset'],
  ['-070000', 'offset'],
  ['-07:00', 'offset'],
  ['-0700', 'offset'],
  ['-07', 'offset'],
  ['Z07:00:00', 'isoOffset'],
  ['Z070000', 'isoOffset'],
  ['Z07:00', 'isoOffset'],
  ['Z0700', 'isoOffset'],
  ['Z07', 'isoOffset'],
]

/** English month names, January first. */
export const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
/** English weekday names, Sunday first. */
export const weekdayNames = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
]

/** The named layouts of Go's time package. */
export const goTimeLayouts = {
  ANSIC: 'Mon Jan _2 15:04:05 2006',
  UnixDate: 'Mon Jan _2 15:04:05 MST 2006',
  RubyDate: 'Mon Jan 02 15:04:05 -0700 2006',
  RFC822: '02 Jan 06 15:04 MST',
  RFC822Z: '02 Jan 06 15:04 -0700',
  RFC850: 'Monday, 02-Jan-06 15:04:05 MST',
  RFC1123: 'Mon, 02 Jan 2006 15:04:05 MST',
  RFC1123Z: 'Mon, 02 Jan 2006 15:04:05 -0700',
  RFC3339: '2006-01-02T15:04:05Z07:00',
  RFC3339Nano: '2006-01-02T15:04:05.999999999Z07:00',
  Kitchen: '3:04PM',
  Stamp: 'Jan _2 15:04:05',
  StampMilli: 'Jan _2 15:04:05.000',
  StampMicro: 'Jan _2 15:04:05.000000',
  StampNano: 'Jan _2 15:04:05.000000000',
  DateTime: '2006-01-02 15:04:05',
  DateOnly: '2006-01-02',
  TimeOnly: '15:04:05',
} as const

/** Maximum number of cached layouts. They may come from data. */
const cachedLayoutsMax = 500
/** Longer layouts are not cached, so that the cache stays small. */
const cachedLayoutCharsMax = 200
const layouts = new Map<string, readonly LayoutPart[]>()

/** Splits a layout into its parts, with a cache. */
export function layoutParts(layout: string): readonly LayoutPart[] {
  const known = layouts.get(layout)
  if (known) return known
  const parts = compileLayout(layout)
  if (layout.length > cachedLayoutCharsMax) return parts
  if (layouts.size >= cachedLayoutsMax) layouts.clear()
  layouts.set(layout, parts)
  return parts
}

/**
 * Splits a layout into its parts. The last part has the kind `end` and the literal text after the
 * others.
 */
function compileLayout(layout: string): readonly LayoutPart[] {
  const parts: LayoutPart[] = []
  let literalStart = 0
  for (let at = 0; at < layout.length; ) {
    const found = partAt(layout, at)
    if (!found) {
      at++
      continue
    }
    const text = layout.slice(at, at + found.length)
    const digitCount = found.kind.endsWith('raction') ? found.length - 1 : 0
    const prefix = layout.slice(literalStart, at)
    parts.push({ kind: found.kind, prefix, text, digitCount, isBeforeFraction: false })
    at += found.length
    literalStart = at
  }
  const tail = layout.slice(literalStart)
  parts.push({ kind: 'end', prefix: tail, text: '', digitCount: 0, isBeforeFraction: false })
  return parts.map((part, index) => ({
    ...part,
    isBeforeFraction: parts[index + 1]?.kind.endsWith('raction') ?? false,
  }))
}

function partAt(
  layout: string,
  at: number,
): { readonly kind: LayoutPartKind; readonly length: number } | undefined {
  const char = layout[at]
  if (char === '.' || char === ',') return fractionAt(layout, at)
  // `_2006` is an underscore and a year, not a day and `006`.
  if (layout.startsWith('_2006', at)) return undefined
  for (const [text, kind] of spellings) {
    if (!layout.startsWith(text, at)) continue
    // `Janet` and `Money` are words.
    const isWord = kind === 'month' || kind === 'weekday'
    if (isWord && /^[a-z]/.test(layout.slice(at + 3))) continue
    return { kind, length: text.length }
  }
  return undefined
}

function fractionAt(
  layout: string,
  at: number,
): { readonly kind: LayoutPartKind; readonly length: number } | undefined {
  const match = /^(?:0+|9+)(?!\d)/.exec(layout.slice(at + 1))
  if (!match) return undefined
  const kind = match[0].startsWith('0') ? 'fraction' : 'trimmedFraction'
  return { kind, length: match[0].length + 1 }
}
