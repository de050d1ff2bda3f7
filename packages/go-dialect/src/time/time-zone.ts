// Offsets and abbreviations of IANA time zones, from the data in Intl. Log lines are converted one
// by one, so offsets are cached per hour; hours in which the offset changes are computed each time.

/** The offset in force at a moment. `name` is the abbreviation (`CET`, `+0545`). */
export interface ZoneOffset {
  readonly name: string
  readonly offsetSeconds: number
}

interface Zone {
  readonly offsets: Intl.DateTimeFormat
  readonly longNames: Intl.DateTimeFormat
  /** Hour since 1970 → offset in seconds; `null` if it changes within that hour. */
  readonly byHour: Map<number, number | null>
}

/** Cached hours per zone: two years of consecutive hours, some 1 MB. */
const cachedHoursMax = 20_000
/** IANA has some 600 names. Any more can only be spellings in other cases. */
const cachedZonesMax = 700
/** No zone has a longer name. Keeps the cache small. */
const zoneNameCharsMax = 64
const zones = new Map<string, Zone | undefined>()
const utc: ZoneOffset = { name: 'UTC', offsetSeconds: 0 }

/** Returns true if a name is `UTC` or a zone of the IANA database. */
export function isTimeZone(name: string): boolean {
  return isUtc(name) || findZone(name) !== undefined
}

/** Returns how many seconds a zone is ahead of UTC at a moment (whole seconds since 1970). */
export function zoneOffsetSeconds(zoneName: string, unixSeconds: number): number {
  if (isUtc(zoneName)) return 0
  const zone = needZone(zoneName)
  const hour = Math.floor(unixSeconds / 3600)
  const known = zone.byHour.get(hour)
  if (typeof known === 'number') return known
  if (known === null) return askOffset(zone, unixSeconds)
  const first = askOffset(zone, hour * 3600)
  const isSteady = first === askOffset(zone, hour * 3600 + 3599)
  if (zone.byHour.size >= cachedHoursMax) zone.byHour.clear()
  zone.byHour.set(hour, isSteady ? first : null)
  return isSteady ? first : askOffset(zone, unixSeconds)
}

/** Returns the offset and abbreviation of a zone at a moment (whole seconds since 1970). */
export function zoneAt(zoneName: string, unixSeconds: number): ZoneOffset {
  if (isUtc(zoneName)) return utc
  const offsetSeconds = zoneOffsetSeconds(zoneName, unixSeconds)
  const text = needZone(zoneName).longNames.format(clampMs(unixSeconds))
  const longName = text.slice(text.indexOf(', ') + 2)
  const name = abbreviations.get(`${zoneName} ${longName}`) ?? abbreviations.get(longName)
  return { name: name ?? numericName(offsetSeconds), offsetSeconds }
}

/**
 * Finds the offset of an abbreviation (`EST`) in a zone around a local time in seconds. Returns
 * `undefined` if the zone does not use the abbreviation.
 */
export function zoneByAbbreviation(
  zoneName: string,
  abbreviation: string,
  wallSeconds: number,
): ZoneOffset | undefined {
  let other: ZoneOffset | undefined
  // Half a year on either side shows both the summer and the winter name.
  for (const shiftSeconds of [0, -halfYearSeconds, halfYearSeconds]) {
    const found = zoneAt(zoneName, wallSeconds + shiftSeconds)
    if (found.name !== abbreviation) continue
    if (zoneAt(zoneName, wallSeconds - found.offsetSeconds).name === abbreviation) return found
    other ??= found
  }
  return other
}

const halfYearSeconds = 182 * 86_400

function isUtc(name: string): boolean {
  return name === 'UTC' || name === '' || name === 'Local'
}

function needZone(name: string): Zone {
  const zone = findZone(name)
  if (!zone) throw new RangeError(`unknown time zone ${name}`)
  return zone
}

function findZone(name: string): Zone | undefined {
  if (name.length > zoneNameCharsMax) return undefined
  if (zones.has(name)) return zones.get(name)
  if (zones.size >= cachedZonesMax) zones.clear()
  const zone = openZone(name)
  zones.set(name, zone)
  return zone
}

// Three-letter names in the IANA database. Intl knows more, such as PST.
const threeLetterNames = /^(CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)$/

function openZone(timeZone: string): Zone | undefined {
  // Intl also accepts `+01:00` as a zone, which the IANA database does not have.
  if (!/^[A-Za-z]/.test(timeZone)) return undefined
  if (timeZone.length === 3 && !threeLetterNames.test(timeZone)) return undefined
  try {
    const offsets = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
    // The database's names are file names, so `europe/berlin` is not one of them.
    const known = offsets.resolvedOptions().timeZone
    if (known !== timeZone && known.toLowerCase() === timeZone.toLowerCase()) return undefined
    return {
      offsets,
      longNames: new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'long' }),
      byHour: new Map(),
    }
  } catch {
    // Intl throws a RangeError for an unknown name.
    return undefined
  }
}

/** The range of Date, in milliseconds around 1970. */
const dateMsMax = 8.64e15

function clampMs(unixSeconds: number): number {
  return Math.max(-dateMsMax, Math.min(dateMsMax, unixSeconds * 1000))
}

function askOffset(zone: Zone, unixSeconds: number): number {
  const text = zone.offsets.format(clampMs(unixSeconds))
  const match = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text)
  if (!match) return 0
  const seconds = +match[2]! * 3600 + +match[3]! * 60 + +(match[4] ?? 0)
  return match[1] === '-' ? -seconds : seconds
}

function numericName(offsetSeconds: number): string {
  // Only local mean time, from before there were zones, has odd seconds.
  if (offsetSeconds % 60 !== 0) return 'LMT'
  const minutes = Math.trunc(Math.abs(offsetSeconds) / 60)
  const hours = String(Math.trunc(minutes / 60)).padStart(2, '0')
  const rest = minutes % 60 ? String(minutes % 60).padStart(2, '0') : ''
  return `${offsetSeconds < 0 ? '-' : '+'}${hours}${rest}`
}

// Abbreviations that the IANA database spells in letters, by the English long name that Intl uses
// for the same period. Everywhere else the database has the offset (`+03`).
const abbreviations: ReadonlyMap<string, string> = new Map([
  ['Coordinated Universal Time', 'UTC'],
  ['Greenwich Mean Time', 'GMT'],
  ['British Summer Time', 'BST'],
  ['Irish Standard Time', 'IST'],
  ['Western European Standard Time', 'WET'],
  ['Western European Summer Time', 'WEST'],
  ['Central European Standard Time', 'CET'],
  ['Central European Summer Time', 'CEST'],
  ['Eastern European Standard Time', 'EET'],
  ['Eastern European Summer Time', 'EEST'],
  ['Moscow Standard Time', 'MSK'],
  ['Moscow Summer Time', 'MSD'],
  ['Eastern Standard Time', 'EST'],
  ['Eastern Daylight Time', 'EDT'],
  ['Central Standard Time', 'CST'],
  ['Central Daylight Time', 'CDT'],
  ['Mountain Standard Time', 'MST'],
  ['Mountain Daylight Time', 'MDT'],
  ['Mexican Pacific Standard Time', 'MST'],
  ['Mexican Pacific Daylight Time', 'MDT'],
  ['Yukon Time', 'MST'],
  ['Pacific Standard Time', 'PST'],
  ['Pacific Daylight Time', 'PDT'],
  ['Alaska Standard Time', 'AKST'],
  ['Alaska Daylight Time', 'AKDT'],
  ['Hawaii-Aleutian Standard Time', 'HST'],
  ['Hawaii-Aleutian Daylight Time', 'HDT'],
  ['Atlantic Standard Time', 'AST'],
  ['Atlantic Daylight Time', 'ADT'],
  ['Newfoundland Standard Time', 'NST'],
  ['Newfoundland Daylight Time', 'NDT'],
  ['Cuba Standard Time', 'CST'],
  ['Cuba Daylight Time', 'CDT'],
  ['West Africa Standard Time', 'WAT'],
  ['West Africa Time', 'WAT'],
  ['Central Africa Time', 'CAT'],
  ['East Africa Time', 'EAT'],
  ['South Africa Standard Time', 'SAST'],
  ['Israel Standard Time', 'IST'],
  ['Israel Daylight Time', 'IDT'],
  ['Pakistan Standard Time', 'PKT'],
  ['India Standard Time', 'IST'],
  ['Western Indonesia Time', 'WIB'],
  ['Central Indonesia Time', 'WITA'],
  ['Eastern Indonesia Time', 'WIT'],
  ['China Standard Time', 'CST'],
  ['Taipei Standard Time', 'CST'],
  ['Taiwan Standard Time', 'CST'],
  ['Hong Kong Standard Time', 'HKT'],
  ['Philippine Standard Time', 'PST'],
  ['Japan Standard Time', 'JST'],
  ['Korean Standard Time', 'KST'],
  ['Australian Western Standard Time', 'AWST'],
  ['Australian Central Standard Time', 'ACST'],
  ['Australian Central Daylight Time', 'ACDT'],
  ['Australian Eastern Standard Time', 'AEST'],
  ['Australian Eastern Daylight Time', 'AEDT'],
  ['New Zealand Standard Time', 'NZST'],
  ['New Zealand Daylight Time', 'NZDT'],
  ['Chamorro Standard Time', 'ChST'],
  ['American Samoa Standard Time', 'SST'],
  // Cases where Intl and the database disagree.
  ['GMT Coordinated Universal Time', 'GMT'],
  ['Europe/Guernsey GMT+01:00', 'BST'],
  ['Europe/Isle_of_Man GMT+01:00', 'BST'],
  ['Europe/Jersey GMT+01:00', 'BST'],
  ['Europe/Minsk Moscow Standard Time', '+03'],
  ['Asia/Colombo India Standard Time', '+0530'],
  ['Antarctica/Casey Australian Western Standard Time', '+08'],
  ['Antarctica/Troll Greenwich Mean Time', '+00'],
])
