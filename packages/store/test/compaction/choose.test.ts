import { test } from 'tap'
import { Random } from '../../../../bench/random.ts'
import type { SegmentPartInfo } from '../../src/catalog/catalog.ts'
import {
  chooseLevel0,
  chooseRun,
  isLevel0Due,
  mergeBoundsMax,
  neighboursOf,
  summaryOf,
} from '../../src/compaction/choose.ts'
import { mergeInputsMax } from '../../src/limits.ts'

const mib = 1024 * 1024

function part(sequence: number, overrides: Partial<SegmentPartInfo> = {}): SegmentPartInfo {
  const { level = 0 } = overrides
  return {
    name: `${sequence}-${level}`,
    level,
    sequence,
    version: 2,
    sizeBytes: 1000,
    createdMs: 0,
    tenant: 'a',
    day: 1,
    rowCount: 1,
    lineBytes: 1,
    ...overrides,
  }
}
const many = (count: number, overrides: Partial<SegmentPartInfo>) =>
  Array.from({ length: count }, (_, i) => part(i + 1, overrides))

const level0 = (segments: number, sizeBytes: number, oldestMs: number) => ({
  segments,
  sizeBytes,
  oldestMs,
})

test('level 0 is due when it is old, large or has many segments', async t => {
  t.notOk(isLevel0Due(level0(0, 0, 0), 1e9), 'nothing is never due')
  t.notOk(isLevel0Due(level0(10, 1000, 1000), 2000), 'small, few and young')
  t.ok(isLevel0Due(level0(1, 1000, 1000), 61_000), 'old')
  t.ok(isLevel0Due(level0(2, 64 * mib, 1000), 1001), 'large')
  t.ok(isLevel0Due(level0(256, 1000, 1000), 1001), 'many')
})

test('a merge of level 0 produces one segment per tenant and day', async t => {
  t.equal(chooseLevel0([]), undefined)
  const choice = chooseLevel0([part(1), part(1, { tenant: 'b' }), part(2, { day: 2 }), part(2)])
  t.same(choice, {
    inputs: ['1-0', '2-0'],
    outputs: [
      { tenant: 'a', day: 1 },
      { tenant: 'b', day: 1 },
      { tenant: 'a', day: 2 },
    ],
    level: 1,
    sequence: 2,
  })
})

test('a long backlog of level 0 is merged in portions, oldest first', async t => {
  t.same(chooseLevel0(many(10, { sizeBytes: 40 * mib }))?.inputs, ['1-0', '2-0', '3-0'])
})

test('a merge takes a bounded number of segments, however small they are', async t => {
  t.equal(chooseLevel0(many(20_000, {}))?.inputs.length, mergeInputsMax)
  t.equal(chooseRun(many(20_000, { level: 1 }))?.inputs.length, mergeInputsMax)
  const few = { ...mergeBoundsMax, inputs: 64 }
  t.equal(chooseLevel0(many(20_000, {}), few)?.inputs.at(-1), '64-0')
  t.equal(chooseRun(many(20_000, { level: 1 }), { bounds: few })?.inputs.at(-1), '64-1')
  const small = { ...mergeBoundsMax, runBytes: 8000 }
  t.equal(chooseRun(many(20, { level: 1 }), { bounds: small })?.inputs.length, 8)
  t.equal(
    chooseRun(many(20, { level: 1, sizeBytes: 1001 }), { bounds: small }),
    undefined,
    'seven are too few',
  )
})

test('what others merge is left out, and never reached over', async t => {
  const taken = new Set(['3-0', '4-0'])
  const level0 = [part(1), part(2), part(2, { day: 2 }), ...many(6, {}).slice(2)]
  const runs = neighboursOf(level0, { taken })
  t.same(
    runs.map(run => run.map(({ name }) => name)),
    [
      ['1-0', '2-0', '2-0'],
      ['5-0', '6-0'],
    ],
  )
  t.same(summaryOf(runs[0]!), { segments: 2, sizeBytes: 2000, oldestMs: 0 })
  const runsOf = (count: number) => many(count, { level: 1 })
  t.ok(chooseRun(runsOf(16), { taken: new Set(['8-1']) })?.inputs.includes('9-1'))
  t.equal(chooseRun(runsOf(15), { taken: new Set(['8-1']) }), undefined)
  t.equal(
    chooseRun(runsOf(14), { others: [part(7.5)] }),
    undefined,
    'level 0 that is older than what was merged already',
  )
  t.ok(chooseRun(runsOf(14), { others: [part(7.5, { tenant: 'b' }), part(99)] }), 'not its own')
  const split = neighboursOf(level0, { others: [part(0.5, { level: 1 }), part(4.5, { level: 1 })] })
  t.same(
    split.map(run => run.length),
    [5, 2],
    'what was merged before older segments of level 0',
  )
})

test('however many merge at a time, segments of a day never overlap in sequence', async t => {
  const random = new Random(7)
  const days = [1, 2, 3]
  interface Kept extends SegmentPartInfo {
    /** The oldest commit in it. */
    readonly first: number
  }
  let kept: Kept[] = []
  let running: { inputs: readonly string[]; outputs: Kept[] }[] = []
  let sequence = 0
  let merges = 0
  const bounds = { ...mergeBoundsMax, inputs: 9 }
  for (let step = 0; step < 4000; step++) {
    for (let i = random.between(0, 3); i > 0; i--) {
      sequence++
      for (const day of days.filter(() => random.between(0, 1) === 0))
        kept.push({ ...part(sequence, { day }), first: sequence })
    }
    kept.sort((a, b) => a.sequence - b.sequence)
    const taken = new Set(running.flatMap(({ inputs }) => inputs))
    const level0 = kept.filter(({ level }) => level === 0)
    const compacted = kept.filter(({ level }) => level > 0)
    const free = neighboursOf(level0, { others: compacted, taken })
    const choice =
      random.between(0, 1) === 0 && free.length > 0
        ? chooseLevel0(free[random.between(0, free.length - 1)]!, bounds)
        : chooseRun(compacted, { bounds, others: level0, taken })
    if (choice && running.length < 4) {
      merges++
      const inputs = kept.filter(({ name }) => choice.inputs.includes(name))
      const outputs = choice.outputs.map(({ tenant, day }): Kept => {
        const own = inputs.filter(one => one.day === day)
        const { level } = choice
        const name = `m${merges}.${day}-${level}`
        const first = Math.min(...own.map(one => one.first))
        const sizeBytes = own.reduce((sum, one) => sum + one.sizeBytes, 0)
        return { ...part(choice.sequence), name, tenant, day, level, first, sizeBytes }
      })
      running.push({ inputs: choice.inputs, outputs })
    }
    if (running.length > 0 && random.between(0, 2) === 0) {
      const ended = running[random.between(0, running.length - 1)]!
      running = running.filter(one => one !== ended)
      // Some are killed.
      if (random.between(0, 4) > 0) {
        kept = [...kept.filter(({ name }) => !ended.inputs.includes(name)), ...ended.outputs]
        kept.sort((a, b) => a.sequence - b.sequence)
      }
    }
    for (const day of days) {
      const own = kept.filter(one => one.day === day)
      const bad = own.findIndex((one, i) => i > 0 && one.first <= own[i - 1]!.sequence)
      if (bad >= 0) {
        t.fail(`step ${step}: ${own[bad - 1]!.name} and ${own[bad]!.name}`)
        return
      }
    }
  }
  t.ok(merges > 500, `${merges} merges`)
  t.ok(kept.some(({ level }) => level > 2))
})

test('eight neighbours of similar size are merged, whatever other days hold', async t => {
  const small = many(8, { level: 1 })
  t.equal(chooseRun(small.slice(1)), undefined, 'seven are too few')
  t.same(chooseRun([...small, part(9, { level: 1, day: 2 })]), {
    inputs: small.map(({ name }) => name),
    outputs: [{ tenant: 'a', day: 1 }],
    level: 2,
    sequence: 8,
  })
})

test('only neighbours in sequence are merged', async t => {
  const large = { level: 1, sizeBytes: 300 * mib }
  const parts = [
    ...many(5, { level: 1 }),
    part(6, large),
    ...many(5, { level: 1 }).map(p => ({
      ...p,
      sequence: p.sequence + 6,
      name: `${p.sequence + 6}-1`,
    })),
  ]
  t.equal(chooseRun(parts), undefined)
})

test('segments of full size are not merged', async t => {
  t.equal(chooseRun(many(20, { level: 3, sizeBytes: 600 * mib })), undefined)
})
