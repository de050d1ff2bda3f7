import { test } from 'tap'
import type { DaySize } from '../../src/catalog/catalog.ts'
import { createOutlook, formatBytes, formatOutlook } from '../../src/compaction/outlook.ts'
import type { SpaceLimits } from '../../src/compaction/space-plan.ts'

const gib = 1024 ** 3
const today = 20_000
const noonMs = (today + 0.5) * 86_400_000
const size = (tenant: string, day: number, gibibytes: number): DaySize => ({
  ...{ tenant, day, compactedBytes: gibibytes * gib, level0Bytes: 0 },
})
const none: SpaceLimits = { maxBytes: 0, minFreeBytes: 0, tenantMaxBytes: () => 0 }

function outlookOf(
  days: readonly DaySize[],
  limits: Partial<SpaceLimits>,
  { freeGib = 100, keptDays = Number.POSITIVE_INFINITY } = {},
) {
  return createOutlook({
    days,
    usage: { totalBytes: 1000 * gib, freeBytes: freeGib * gib, takenBytes: 0 },
    limits: { ...none, ...limits },
    nowMs: noonMs,
    keptDays: () => keptDays,
  })
}

const twoTenants = [
  ...[size('payments', today - 3, 6), size('web', today - 3, 4)],
  ...[size('payments', today - 1, 6.2), size('web', today - 1, 3.8), size('web', today, 9)],
]

test('growth is the mean of the complete days', t => {
  const { growth, bytesPerDay, oldestDay, storedBytes } = outlookOf(twoTenants, {})
  t.equal(Math.round(bytesPerDay / (gib / 300)), 2000, 'a day without lines counts too')
  t.same(
    growth.map(({ tenant }) => tenant),
    ['payments', 'web'],
  )
  t.equal(oldestDay, today - 3)
  t.equal(storedBytes, 29 * gib)
  t.end()
})

test('the outlook says when the room ends, who writes most, and what goes first', t => {
  const outlook = outlookOf(twoTenants, { minFreeBytes: 40 * gib })
  t.equal(outlook.fullInDays?.toFixed(3), '9.000')
  t.equal(
    formatOutlook(outlook),
    'full in 9 days at 6.7 GB a day; payments writes 61 %; 2024-10-01 goes first',
  )
  t.match(formatOutlook(outlookOf(twoTenants, { maxBytes: 30 * gib })), /^full in 4 hours at/)
  t.match(
    formatOutlook(outlookOf(twoTenants, { maxBytes: 20 * gib })),
    /^full: new lines replace the oldest at/,
  )
  t.end()
})

test('without a complete day, today is extended to a whole one', t => {
  const { bytesPerDay } = outlookOf([size('a', today, 3)], {})
  t.equal(bytesPerDay, 6 * gib)
  t.end()
})

test('a store that retention by age keeps small is never full', t => {
  const limits = { minFreeBytes: 40 * gib }
  t.match(
    formatOutlook(outlookOf(twoTenants, limits, { keptDays: 5 })),
    /^never full \(retention by age comes first\) at 6\.7 GB a day/,
  )
  t.match(formatOutlook(outlookOf(twoTenants, limits, { keptDays: 20 })), /^full in 9 days/)
  t.match(formatOutlook(outlookOf(twoTenants, {})), /^never full \(no limit is set\)/)
  t.match(
    formatOutlook(outlookOf(twoTenants, { ...limits, tenantMaxBytes: () => 20 * gib })),
    /^never full/,
    'nor is one whose tenants are limited',
  )
  t.end()
})

test('an idle store has nothing to tell', t => {
  const old = [size('a', today - 30, 1)]
  t.equal(formatOutlook(outlookOf(old, {})), 'holds 1.0 GB, and nothing was written lately')
  t.equal(formatBytes(512), '512 B')
  t.end()
})
