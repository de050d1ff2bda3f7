// Reads a time as people write it.

import { nsPerMs, nsPerSecond, parsePrometheusDuration, parseRfc3339 } from '@skald/go-dialect'

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

const unitNs: Readonly<Record<string, bigint>> = {
  second: nsPerSecond,
  minute: 60n * nsPerSecond,
  hour: 3600n * nsPerSecond,
  day: 86_400n * nsPerSecond,
  week: 7n * 86_400n * nsPerSecond,
}

/** What a time may look like, for help texts and errors. */
export const momentForms =
  '2026-11-30T14:00:00Z, "2026-11-30 14:00", 14:00, "yesterday 14:00", "monday 9:00", "2 hours ago", 90m, now, or seconds, milliseconds or nanoseconds since 1970'

/**
 * Reads a time, in nanoseconds since 1970. Times without an offset are in the zone of this machine, and those that only
 * name a time of day are of today. A duration means that long ago. Returns `undefined` if the text is none of these.
 */
export function parseMoment(text: string, nowMs: number): bigint | undefined {
  const said = text.trim().toLowerCase().replaceAll(/\s+/g, ' ')
  return (
    parseAgo(said, nowMs) ?? parseEpoch(said) ?? parseRfc3339(text.trim()) ?? parseDate(said, nowMs)
  )
}

function parseAgo(said: string, nowMs: number): bigint | undefined {
  const nowNs = BigInt(nowMs) * nsPerMs
  if (said === 'now') return nowNs
  const words = /^(?:(an?|\d{1,9}) )(second|minute|hour|day|week)s? ago$/.exec(said)
  if (words) {
    const [, count = '', unit = ''] = words
    return nowNs - (/^an?$/.test(count) ? 1n : BigInt(count)) * unitNs[unit]!
  }
  const short = /^(?:now ?- ?)?((?:\d+[a-z]+)+)(?: ago)?$/.exec(said)
  if (!short) return undefined
  try {
    return nowNs - parsePrometheusDuration(short[1]!)
  } catch {
    return undefined
  }
}

/** Up to 10 digits are seconds, up to 13 milliseconds, up to 16 microseconds, and more nanoseconds. */
function parseEpoch(said: string): bigint | undefined {
  const found = /^(\d{9,19})(?:\.(\d{1,9}))?$/.exec(said)
  if (!found) return undefined
  const [, whole = '', fraction = ''] = found
  if (whole.length <= 10) {
    return BigInt(whole) * nsPerSecond + BigInt(fraction.padEnd(9, '0'))
  }
  if (fraction !== '') return undefined
  return BigInt(whole) * (whole.length <= 13 ? nsPerMs : whole.length <= 16 ? 1000n : 1n)
}

function parseDate(said: string, nowMs: number): bigint | undefined {
  const found =
    /^(?:(\d{4})-(\d\d?)-(\d\d?)|(today|yesterday)|(?:last )?(sunday|monday|tuesday|wednesday|thursday|friday|saturday))?(?:(?:^|[ t])(?:at )?(\d\d?):(\d\d)(?::(\d\d))?)?$/.exec(
      said,
    )
  if (!found || said === '') return undefined
  const [, year, month, day, word, weekday, hours = '0', minutes = '0', seconds = '0'] = found
  const date = new Date(nowMs)
  date.setHours(0, 0, 0, 0)
  if (year !== undefined) date.setFullYear(Number(year), Number(month) - 1, Number(day))
  if (word === 'yesterday') date.setDate(date.getDate() - 1)
  // The last such day, and today is none.
  if (weekday !== undefined) {
    const back = (date.getDay() - weekdays.indexOf(weekday) + 7) % 7 || 7
    date.setDate(date.getDate() - back)
  }
  const isReal =
    (year === undefined ||
      (date.getMonth() === Number(month) - 1 && date.getDate() === Number(day))) &&
    Number(hours) < 24 &&
    Number(minutes) < 60 &&
    Number(seconds) < 60
  if (!isReal) return undefined
  date.setHours(Number(hours), Number(minutes), Number(seconds))
  return BigInt(date.getTime()) * nsPerMs
}
