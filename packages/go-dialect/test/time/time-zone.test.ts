import { test } from 'tap'
import {
  isTimeZone,
  zoneAt,
  zoneByAbbreviation,
  zoneOffsetSeconds,
} from '../../src/time/time-zone.ts'

const january = Date.UTC(2025, 0, 15) / 1000
const july = Date.UTC(2025, 6, 15) / 1000

test('zoneAt returns the abbreviations of the IANA database', async t => {
  const f = (zone: string, winter: string, summer: string) => {
    t.equal(zoneAt(zone, january).name, winter, zone)
    t.equal(zoneAt(zone, july).name, summer, zone)
  }

  f('UTC', 'UTC', 'UTC')
  f('GMT', 'GMT', 'GMT')
  f('Europe/Berlin', 'CET', 'CEST')
  f('Europe/London', 'GMT', 'BST')
  f('Europe/Dublin', 'GMT', 'IST')
  f('America/Chicago', 'CST', 'CDT')
  f('America/Sao_Paulo', '-03', '-03')
  f('Asia/Shanghai', 'CST', 'CST')
  f('Asia/Kathmandu', '+0545', '+0545')
  f('Asia/Colombo', '+0530', '+0530')
  f('Australia/Sydney', 'AEDT', 'AEST')
  f('Pacific/Pago_Pago', 'SST', 'SST')
})

test('zoneOffsetSeconds changes in exactly the second that the clocks change', async t => {
  const change = Date.UTC(2025, 2, 30, 1) / 1000
  t.equal(zoneOffsetSeconds('Europe/Berlin', change - 1), 3600)
  t.equal(zoneOffsetSeconds('Europe/Berlin', change), 7200)
  t.equal(zoneOffsetSeconds('Europe/Berlin', change - 1), 3600)
  // Lord Howe Island changes by half an hour, at half past.
  const halfHour = Date.UTC(2025, 9, 4, 15, 30) / 1000
  t.equal(zoneOffsetSeconds('Australia/Lord_Howe', halfHour - 1), 37_800)
  t.equal(zoneOffsetSeconds('Australia/Lord_Howe', halfHour), 39_600)
})

test('isTimeZone accepts only names in the database', async t => {
  for (const name of ['UTC', 'Europe/Oslo', 'Etc/GMT+5']) t.ok(isTimeZone(name), name)
  for (const name of ['Mars/Base', '+01:00', 'x'.repeat(100_000)]) t.notOk(isTimeZone(name))
  t.throws(() => zoneAt('Mars/Base', 0), { message: 'unknown time zone Mars/Base' })
  for (const name of ['europe/berlin', 'UTc', 'PST', 'IST', 'JST', 'cet'])
    t.notOk(isTimeZone(name), name)
  for (const name of [
    'CET',
    'EST',
    'PRC',
    'EST5EDT',
    'US/Pacific',
    'Asia/Calcutta',
    'Etc/UTC',
    'Etc/GMT+5',
    'GB',
    'Zulu',
  ]) {
    t.ok(isTimeZone(name), name)
  }
})

test('zoneByAbbreviation finds both halves of the year', async t => {
  t.equal(zoneByAbbreviation('America/Denver', 'MST', january)?.offsetSeconds, -25_200)
  t.equal(zoneByAbbreviation('America/Denver', 'MDT', january)?.offsetSeconds, -21_600)
  t.equal(zoneByAbbreviation('America/Denver', 'CET', january), undefined)
})
