// Mixed load for a long time: pushes, queries, tails of new lines, merges and deletes. Prints how
// memory, files and descriptors of the store change, as the slope of a line through all samples.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import { openLimits, startStore, type TestStore } from '../e2e/harness.ts'
import { makeLine } from '../e2e/log-lines.ts'
import type { PartOptions, PartReport } from './part.ts'

const sampleMs = 2_000
/** A query opens many segments for a moment. What leaks stays open between queries, so the least of some samples counts. */
const samplesPerFloor = 15
/** The first part of a soak fills caches, and says nothing. */
const warmShare = 0.3
/** Growth in an hour that is no leak: caches fill more and more slowly. */
const residentMibPerHourMax = 200
const descriptorsPerHourMax = 20

interface Sample {
  readonly hours: number
  readonly residentMib: number
  readonly files: number
  readonly descriptors: number
}

export async function runSoak({ minutes, dir }: PartOptions): Promise<PartReport> {
  const closing: (() => unknown)[] = []
  const scope = { teardown: (close: () => unknown) => void closing.push(close) }
  const config = `${openLimits}compactor: {retention_enabled: true, delete_request_cancel_period: 0s}\n`
  const store = await startStore(scope, { dir, config })
  const endMs = Date.now() + minutes * 60_000
  const startMs = Date.now()
  const samples: Sample[] = []
  const counts = { pushes: 0, queries: 0, deletes: 0, failures: 0 }
  const isOver = () => Date.now() >= endMs
  const loads = [
    push(store, counts, isOver),
    push(store, counts, isOver),
    ask(store, counts, isOver),
    remove(store, counts, isOver),
  ]
  while (!isOver()) {
    await sleep(sampleMs)
    samples.push(sampleOf(store.pid, join(dir, 'store-data', 'segments'), Date.now() - startMs))
  }
  await Promise.all(loads)
  for (const close of closing.toReversed()) await close()
  const warm = samples.slice(Math.floor(samples.length * warmShare))
  const slopes = {
    residentMib: slope(warm, 'residentMib'),
    files: slope(warm, 'files'),
    descriptors: slope(floorsOf(warm), 'descriptors'),
  }
  const last = floorsOf(samples).at(-1)!
  const problems: string[] = []
  // A few minutes say little about an hour.
  if (minutes >= 20) {
    if (slopes.residentMib > residentMibPerHourMax) problems.push('resident memory grows')
    if (slopes.descriptors > descriptorsPerHourMax) problems.push('open files grow')
  }
  if (counts.failures > 0) problems.push(`${counts.failures} requests failed`)
  const inWords = (name: keyof typeof slopes, unit: string) =>
    `${last[name].toFixed(0)} ${unit} (${slopes[name] >= 0 ? '+' : ''}${slopes[name].toFixed(1)} an hour)`
  return {
    counts:
      `${minutes} minutes, ${counts.pushes} pushes, ${counts.queries} queries, ${counts.deletes} deletes, ` +
      `${inWords('residentMib', 'MiB resident')}, ${inWords('files', 'files')}, ${inWords('descriptors', 'descriptors')}`,
    problems,
  }
}

interface Counts {
  pushes: number
  queries: number
  deletes: number
  failures: number
}

async function push(store: TestStore, counts: Counts, isOver: () => boolean): Promise<void> {
  for (let number = 1; !isOver(); number += 50) {
    const file = `soak${number % 20}`
    const nowNs = BigInt(Date.now()) * 1_000_000n
    const entries = Array.from({ length: 50 }, (_, i) => ({
      timestampNs: nowNs + BigInt(i),
      line: makeLine({ file, number: number + i }),
    }))
    const { status } = await store.push([
      { labels: createLabelSet({ job: 'soak', file }), entries },
    ])
    if (status !== 204) counts.failures++
    counts.pushes++
    await sleep(20)
  }
}

const queries = [
  '{job="soak"} |= "n=77"',
  'sum by (file) (count_over_time({job="soak"}[1m]))',
  '{file="soak3"}',
  'topk(3, sum by (file) (rate({job="soak"} |~ "order|paid" [1m])))',
]

async function ask(store: TestStore, counts: Counts, isOver: () => boolean): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const query = queries[i % queries.length]!
    const params = { query, start: String((Date.now() - 600_000) / 1000), limit: '500', step: '10' }
    await store.query('query_range', params).catch(() => counts.failures++)
    counts.queries++
    await sleep(100)
  }
}

async function remove(store: TestStore, counts: Counts, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await sleep(5_000)
    const startSeconds = Math.floor(Date.now() / 1000) - 60
    const params = new URLSearchParams({
      ...{ query: '{file="soak7"} |= "cache"', start: String(startSeconds) },
      end: String(startSeconds + 30),
    })
    const answer = await store.request(`/loki/api/v1/delete?${params}`, { method: 'POST' })
    if (answer.status !== 204) counts.failures++
    counts.deletes++
    await store.request('/flush', { method: 'POST' })
  }
}

function sampleOf(pid: number, segmentsDir: string, ms: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    hours: ms / 3_600_000,
    residentMib: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
    files: readdirSync(segmentsDir).length,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  }
}

/** Returns the last of each few samples, with the fewest descriptors of all of them. */
function floorsOf(samples: readonly Sample[]): Sample[] {
  const floors: Sample[] = []
  for (let from = 0; from < samples.length; from += samplesPerFloor) {
    const few = samples.slice(from, from + samplesPerFloor)
    floors.push({ ...few.at(-1)!, descriptors: Math.min(...few.map(one => one.descriptors)) })
  }
  return floors
}

/** Returns the slope of the line with the least squares. */
function slope(samples: readonly Sample[], name: 'residentMib' | 'files' | 'descriptors'): number {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const hours = mean(samples.map(sample => sample.hours))
  const value = mean(samples.map(sample => sample[name]))
  let above = 0
  let below = 0
  for (const sample of samples) {
    above += (sample.hours - hours) * (sample[name] - value)
    below += (sample.hours - hours) ** 2
  }
  return below === 0 ? 0 : above / below
}
