// Formats times with Go's reference layouts.

import { type CivilTime, civilTime, type GoLocation } from './civil-time.ts'
import { type LayoutPart, layoutParts, monthNames, weekdayNames } from './go-time-layout.ts'

/**
 * Formats a time with a Go reference layout, in UTC or another location.
 * @throws RangeError when the location does not exist.
 */
export function formatGoTime(
  layout: string,
  timestampNs: bigint,
  options: { readonly location?: GoLocation } = {},
): string {
  const time = civilTime(timestampNs, options.location ?? 'UTC')
  let text = ''
  for (const part of layoutParts(layout)) text += part.prefix + formatPart(part, time)
  return text
}

function formatPart(part: LayoutPart, time: CivilTime): string {
  const hour12 = time.hour % 12 || 12
  switch (part.kind) {
    case 'end':
      return ''
    case 'year':
      return pad(Math.max(time.year, 0) % 100, 2)
    case 'longYear':
      return pad(time.year, 4)
    case 'month':
      return monthNames[time.month - 1]!.slice(0, 3)
    case 'longMonth':
      return monthNames[time.month - 1]!
    case 'numMonth':
      return String(time.month)
    case 'zeroMonth':
      return pad(time.month, 2)
    case 'weekday':
      return weekdayNames[time.weekday]!.slice(0, 3)
    case 'longWeekday':
      return weekdayNames[time.weekday]!
    case 'day':
      return String(time.day)
    case 'underDay':
      return String(time.day).padStart(2)
    case 'zeroDay':
      return pad(time.day, 2)
    case 'underYearDay':
      return String(time.yearDay).padStart(3)
    case 'zeroYearDay':
      return pad(time.yearDay, 3)
    case 'hour':
      return pad(time.hour, 2)
    case 'hour12':
      return String(hour12)
    case 'zeroHour12':
      return pad(hour12, 2)
    case 'minute':
      return String(time.minute)
    case 'zeroMinute':
      return pad(time.minute, 2)
    case 'second':
      return String(time.second)
    case 'zeroSecond':
      return pad(time.second, 2)
    case 'upperPm':
      return time.hour >= 12 ? 'PM' : 'AM'
    case 'lowerPm':
      return time.hour >= 12 ? 'pm' : 'am'
    case 'isoOffset':
      return time.offsetSeconds === 0 ? 'Z' : formatOffset(part.text, time.offsetSeconds)
    case 'offset':
      return formatOffset(part.text, time.offsetSeconds)
    case 'zoneName':
      return time.zoneName || formatOffset('-0700', time.offsetSeconds)
    case 'fraction':
      return (
        part.text[0] +
        pad(time.nanosecond, 9).slice(0, part.digitCount).padEnd(part.digitCount, '0')
      )
    case 'trimmedFraction': {
      const digits = pad(time.nanosecond, 9).slice(0, part.digitCount).replace(/0+$/, '')
      return digits && part.text[0] + digits
    }
  }
}

function pad(value: number, width: number): string {
  return value < 0 ? `-${pad(-value, width)}` : String(value).padStart(width, '0')
}

function formatOffset(shape: string, offsetSeconds: number): string {
  const seconds = Math.abs(offsetSeconds)
  const colon = shape.includes(':') ? ':' : ''
  const digitCount = shape.replaceAll(/\D/g, '').length
  // Go takes the sign from the whole minutes.
  let text = (offsetSeconds <= -60 ? '-' : '+') + pad(Math.floor(seconds / 3600), 2)
  if (digitCount > 2) text += colon + pad(Math.floor((seconds % 3600) / 60), 2)
  if (digitCount > 4) text += colon + pad(seconds % 60, 2)
  return text
}
