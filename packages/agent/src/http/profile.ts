// Profiles the running agent in pprof's format, so that `go tool pprof` and similar tools work as with
// Promtail. V8's own profilers do the measuring, only during a request.

import { type HeapProfiler, type Profiler, Session } from 'node:inspector/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import {
  Line,
  Location,
  Function as PprofFunction,
  Profile,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format'

/** Kinds of profiles: CPU time, wall-clock time, live heap memory. */
export const profileKinds = ['profile', 'fgprof', 'heap'] as const
export type ProfileKind = (typeof profileKinds)[number]

const sampleUs = 1_000
const heapSampleBytes = 64 << 10

interface Frame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

/** One stack: its frames, innermost first, and what was measured there. */
interface Seen {
  readonly frames: readonly Frame[]
  readonly values: readonly number[]
}

/**
 * Profiles for some seconds, or until the signal is aborted. Returns a gzipped profile.
 *
 * @throws Error if V8 cannot start its profiler.
 */
export async function takeProfile(
  kind: ProfileKind,
  seconds: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const session = new Session()
  session.connect()
  const startMs = Date.now()
  const wait = () => sleep(seconds * 1000, undefined, { signal }).catch(() => undefined)
  try {
    const measured = kind === 'heap' ? await heap(session, wait) : await time(session, wait, kind)
    return encodeProfile({ ...measured, startMs, endMs: Date.now() })
  } finally {
    session.disconnect()
  }
}

type Units = readonly (readonly [type: string, unit: string])[]

async function time(session: Session, wait: () => Promise<unknown>, kind: 'profile' | 'fgprof') {
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: sampleUs })
  await session.post('Profiler.start')
  await wait()
  const { profile } = await session.post('Profiler.stop')
  const all = seenTimes(profile)
  const seen =
    kind === 'fgprof' ? all : all.filter(({ frames }) => frames[0]!.functionName !== '(idle)')
  const units: Units = [
    ['samples', 'count'],
    [kind === 'fgprof' ? 'time' : 'cpu', 'nanoseconds'],
  ]
  return { seen, units, period: sampleUs * 1_000 }
}

function seenTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Seen[] {
  const counts = new Map<number, [count: number, ns: number]>()
  for (const [i, id] of samples.entries()) {
    const [count, ns] = counts.get(id) ?? [0, 0]
    counts.set(id, [count + 1, ns + Math.max(0, timeDeltas[i] ?? 0) * 1_000])
  }
  const parents = new Map<number, Profiler.ProfileNode>()
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node)
  return nodes.flatMap(node => {
    const values = counts.get(node.id)
    if (!values) return []
    const frames: Frame[] = []
    for (let at: Profiler.ProfileNode | undefined = node; at; at = parents.get(at.id)) {
      frames.push(at.callFrame)
    }
    return [{ frames: withoutRoot(frames), values }]
  })
}

async function heap(session: Session, wait: () => Promise<unknown>) {
  await session.post('HeapProfiler.startSampling', { samplingInterval: heapSampleBytes })
  await wait()
  const { profile } = await session.post('HeapProfiler.stopSampling')
  const seen: Seen[] = []
  const visit = (node: HeapProfiler.SamplingHeapProfileNode, outer: readonly Frame[]) => {
    const frames = [node.callFrame, ...outer]
    if (node.selfSize > 0) {
      seen.push({ frames: withoutRoot(frames), values: [node.selfSize] })
    }
    for (const child of node.children) visit(child, frames)
  }
  visit(profile.head, [])
  const units: Units = [['inuse_space', 'bytes']]
  return { seen, units, period: heapSampleBytes }
}

/** Drops V8's artificial root frame, unless it is the only one. */
function withoutRoot(frames: readonly Frame[]): readonly Frame[] {
  return frames.length > 1 ? frames.slice(0, -1) : frames
}

function encodeProfile(measured: {
  readonly seen: readonly Seen[]
  readonly units: Units
  readonly period: number
  readonly startMs: number
  readonly endMs: number
}): Buffer {
  const { seen, units, period, startMs, endMs } = measured
  const stringTable = new StringTable()
  const functions: PprofFunction[] = []
  const locations: Location[] = []
  const ids = new Map<string, number>()
  const idOf = ({ functionName, url, lineNumber }: Frame) => {
    const key = `${functionName}\n${url}\n${lineNumber}`
    const known = ids.get(key)
    if (known !== undefined) return known
    const id = locations.length + 1
    ids.set(key, id)
    const name = stringTable.dedup(functionName || '(anonymous)')
    // V8 counts lines from 0.
    const line = lineNumber + 1
    const place = { filename: stringTable.dedup(url), startLine: line }
    functions.push(new PprofFunction({ id, name, systemName: name, ...place }))
    locations.push(new Location({ id, line: [new Line({ functionId: id, line })] }))
    return id
  }
  const types = units.map(
    ([type, unit]) =>
      new ValueType({ type: stringTable.dedup(type), unit: stringTable.dedup(unit) }),
  )
  const samples = seen.map(
    ({ frames, values }) => new Sample({ locationId: frames.map(idOf), value: [...values] }),
  )
  const profile = new Profile({
    ...{ sampleType: types, sample: samples, location: locations, function: functions },
    ...{ stringTable, periodType: types.at(-1)!, period },
    ...{ timeNanos: BigInt(startMs) * 1_000_000n, durationNanos: (endMs - startMs) * 1e6 },
  })
  return gzipSync(profile.encode())
}
