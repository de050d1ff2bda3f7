// The timestamp stage: sets the time of the line from an extracted value.

import { readList, readOneOf, readStrictText, type ValueReader } from '@skald/config-reading'
import { goTimeLayouts, isTimeZone, layoutParts, nsPerMs, parseGoTime } from '@skald/go-dialect'
import { LastTimes } from '../fudge.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

/** Parses a time. Returns `undefined` if the text is not one. */
type TimeParser = (text: string, nowMs: number) => bigint | undefined

interface Format {
  readonly name: string
  readonly layout: string | undefined
  readonly unit: number | undefined
}

// Digits to append to the number to get nanoseconds.
const units: Readonly<Record<string, number>> = { Unix: 9, UnixMs: 6, UnixUs: 3, UnixNs: 0 }
const predefined: Readonly<Record<string, string>> = goTimeLayouts
const predefinedNames = [
  ...['ANSIC', 'UnixDate', 'RubyDate', 'RFC822', 'RFC822Z', 'RFC850', 'RFC1123', 'RFC1123Z'],
  ...['RFC3339', 'RFC3339Nano'],
]

const readFormat: ValueReader<Format> = cursor => {
  const name = readStrictText(cursor)
  if (name === undefined) return undefined
  if (Object.hasOwn(units, name)) return { name, layout: undefined, unit: units[name] }
  if (predefinedNames.includes(name)) return { name, layout: predefined[name], unit: undefined }
  const hasField = layoutParts(name).some(part => part.kind !== 'end')
  if (hasField && !/yyyy|YYYY|HH:mm|%[YmdHMS]/.test(name) && !isNearName(name)) {
    return { name, layout: name, unit: undefined }
  }
  return cursor.fail(
    `${cursor.name} ${name} is neither the name of a format (${[...predefinedNames, ...Object.keys(units)].join(', ')}) nor a Go layout such as 2006-01-02 15:04:05`,
  )
}

function isNearName(name: string): boolean {
  const lower = name.toLowerCase()
  return [...predefinedNames, ...Object.keys(units)].some(known => known.toLowerCase() === lower)
}

const readLocation: ValueReader<string> = cursor => {
  const name = readStrictText(cursor)
  if (name === undefined || name === '' || isTimeZone(name)) return name
  return cursor.failAtKey(
    `${cursor.name} must be a time zone such as Europe/Berlin, found ${cursor.describe()}`,
  )
}

function parserOf(format: Format, location: string | undefined): TimeParser {
  const { layout, unit, name } = format
  if (unit !== undefined) return text => parseUnix(text, unit)
  const isNamed = predefinedNames.includes(name)
  const options = isNamed || !location ? {} : { location }
  return (text, nowMs) => {
    try {
      const nearNs = BigInt(Math.trunc(nowMs)) * nsPerMs
      return parseGoTime(layout!, text, { ...options, nearNs }).timestampNs
    } catch {
      // Not a time in this layout: try the next one, or the action on failure.
      return undefined
    }
  }
}

function parseUnix(text: string, digits: number): bigint | undefined {
  const match = /^([+-]?\d+)(?:\.([+-]?\d+))?$/.exec(text)
  if (!match || (match[2] !== undefined && digits !== 9)) return undefined
  const whole = BigInt(match[1]!) * 10n ** BigInt(digits)
  const fraction = match[2] ?? ''
  // Go parses the fraction as a separate integer, and adds it even to negative seconds.
  if (fraction.length > 18) return undefined
  const timestampNs = whole + BigInt(Math.trunc(Number(fraction) * 10 ** (9 - fraction.length)))
  // A value beyond 64 bits is not a time.
  return BigInt.asIntN(64, timestampNs) === timestampNs ? timestampNs : undefined
}

export const timestampStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      source: readStrictText,
      format: readFormat,
      fallback_formats: readList(readFormat),
      location: readLocation,
      action_on_failure: readOneOf(['fudge', 'skip'] as const),
    })
    const { source, format, fallback_formats: fallbacks = [], location } = raw
    if (!source) return body.failAtKey('The timestamp stage needs a source: an extracted value')
    if (!format) {
      return body.has('format') ? undefined : body.failAtKey('The timestamp stage needs a format')
    }
    const parsers = [format, ...fallbacks].map(each => parserOf(each, location))
    const isFudging = raw.action_on_failure !== 'skip'
    return context => {
      const lastTimes = new LastTimes()
      return {
        run(entry, next) {
          const text = valueText(entry.extracted.get(source))
          let timestampNs: bigint | undefined
          if (text !== undefined) {
            for (const parse of parsers) {
              timestampNs = parse(text, context.wallMs())
              if (timestampNs !== undefined) break
            }
          }
          if (timestampNs !== undefined) {
            entry.timestampNs = timestampNs
            if (isFudging) lastTimes.note(entry.labels.text, timestampNs)
          } else if (isFudging) lastTimes.apply(entry)
          next(entry)
        },
      }
    }
  },
}
