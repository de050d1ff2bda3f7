// Flips every bit of small segments, cuts them anywhere, and flips every byte of a catalog.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../bench/random.ts'
import {
  fillCatalog,
  readCatalog,
  startOnCatalog,
} from '../packages/store/test/faults/damaged-catalog.ts'
import { answerProblems, openDamagedStore } from '../packages/store/test/faults/damaged-store.ts'
import { openStorage } from '../packages/store/test/harness.ts'
import type { PartOptions, PartReport } from './part.ts'

/** What tests get from tap, for a directory. */
function scopeOf(dir: string) {
  const closing: (() => unknown)[] = []
  mkdirSync(dir, { recursive: true })
  const scope = {
    testdir: () => dir,
    teardown: (close: () => unknown) => void closing.push(close),
  }
  const close = async () => {
    for (const one of closing.toReversed()) await one()
  }
  return { scope, close }
}

export async function runSegmentDamage({ rounds, dir }: PartOptions): Promise<PartReport> {
  const problems: string[] = []
  let flips = 0
  let cuts = 0
  let noticed = 0
  for (const isMerged of [false, true]) {
    const { scope, close } = scopeOf(join(dir, isMerged ? 'merged' : 'level0'))
    const store = await openDamagedStore(scope, { isMerged })
    const check = async (what: string) => {
      const answer = await store.ask()
      if (answer.warnings.length > 0) noticed++
      for (const problem of answerProblems(answer, store)) problems.push(`${what}: ${problem}`)
    }
    const bits = Math.min(store.whole.length * 8, rounds ?? Number.POSITIVE_INFINITY)
    for (let bit = 0; bit < bits; bit++) {
      const bytes = Buffer.from(store.whole)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      store.write(bytes)
      await check(`bit ${bit}, merged ${isMerged}`)
      flips++
    }
    for (let length = 0; length < Math.min(store.whole.length, bits); length++) {
      store.write(store.whole.subarray(0, length))
      await check(`cut to ${length}, merged ${isMerged}`)
      cuts++
    }
    await close()
  }
  return { counts: `${flips} flipped bits and ${cuts} cuts, ${noticed} named in answers`, problems }
}

export async function runCatalogDamage({ seed, rounds, dir }: PartOptions): Promise<PartReport> {
  const { scope, close } = scopeOf(join(dir, 'store'))
  await fillCatalog(await openStorage(scope))
  const whole = readCatalog(join(dir, 'store'))
  const random = new Random(seed)
  const problems: string[] = []
  let named = 0
  const places =
    rounds === undefined
      ? placesToFlip(whole)
      : Array.from({ length: rounds }, () => random.below(whole.length))
  for (const at of places) {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 1 << random.below(8)
    const outcome = await startOnCatalog(join(dir, 'store'), join(dir, 'copy'), bytes)
    if (outcome.isNamed) named++
    for (const problem of outcome.problems) problems.push(`byte ${at}: ${problem}`)
  }
  await close().catch(() => undefined)
  const counts = `${places.length} flipped bytes of ${whole.length}, ${named} named in the log`
  return { counts, problems }
}

/** How far from bytes that hold something every byte is flipped, and how many bytes of empty room share one flip. */
const nearBytes = 16
const emptyBytesPerFlip = 16

/**
 * Returns the bytes of a catalog to flip: every one that holds something or is near one that does, and some of the empty
 * room between, which is most of a small catalog.
 */
function placesToFlip(whole: Buffer): number[] {
  const places: number[] = []
  let lastInUse = Number.NEGATIVE_INFINITY
  for (let at = 0; at < whole.length; at++) {
    if (whole[Math.min(at + nearBytes, whole.length - 1)] !== 0) lastInUse = at + nearBytes
    if (at - lastInUse <= nearBytes || at % emptyBytesPerFlip === 0) places.push(at)
  }
  return places
}
