// One story of a store whose n-th call of one kind fails. Pushes are refused and can be repeated, reads
// go on, everything works again once the disk does, and a file whose sync failed never counts.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { Random } from '../../../../bench/random.ts'
import { StorageUnavailableError } from '../../src/errors.ts'
import { acceptedStream, dayNs, midnightNs } from '../harness.ts'
import { readSegmentBytes } from '../segment-rows.ts'
import { CatalogMedium } from './catalog-medium.ts'
import { type CallKind, SimulatedDisk } from './simulated-disk.ts'
import { openStoreLife, type StoreLife } from './store-life.ts'

export const errorCodes = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'ESTALE'] as const
export const failingKinds: readonly CallKind[] = [
  ...(['open', 'writev', 'datasync', 'sync', 'unlink', 'link', 'read', 'catalog'] as const),
]

export interface ErrorPlan {
  readonly kind: CallKind
  readonly code: (typeof errorCodes)[number]
  /** Number of the call that fails, from 1. */
  readonly at: number
  /** How many calls of the kind fail in a row. */
  readonly count: number
}

/** What became of a story. */
export interface ErrorOutcome {
  /** Whether there was such a call. */
  readonly hasFailed: boolean
  readonly problems: readonly string[]
}

/** Runs the story in a directory that it empties. */
export async function runErrorStory(plan: ErrorPlan, dir: string): Promise<ErrorOutcome> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const story = new ErrorStory(plan, dir)
  return story.run()
}

class ErrorStory {
  readonly #dir: string
  readonly #disk: SimulatedDisk
  readonly #medium: CatalogMedium
  readonly #problems: string[] = []
  readonly #acknowledged = new Set<string>()
  #calls = 0
  readonly #plan: ErrorPlan
  readonly #clock = {
    ms: Number((midnightNs + dayNs) / 1_000_000n),
    now: () => {
      this.#clock.ms += 30
      return this.#clock.ms
    },
  }

  constructor(plan: ErrorPlan, dir: string) {
    this.#plan = plan
    this.#dir = dir
    const random = new Random(plan.at)
    this.#disk = new SimulatedDisk(random)
    this.#medium = new CatalogMedium(join(dir, 'catalog.sqlite'), random)
  }

  async run(): Promise<ErrorOutcome> {
    const life = await this.#open()
    const { kind, code, at, count } = this.#plan
    this.#disk.plan = called => {
      if (called !== kind) return 'works'
      this.#calls++
      return this.#calls >= at && this.#calls < at + count ? { code } : 'works'
    }
    await this.#push(life, 0)
    await this.#push(life, 1)
    await this.#flush(life)
    await this.#push(life, 2)
    await this.#flush(life)
    await this.#delete(life)
    await this.#flush(life)
    await this.#push(life, 3)
    const hasFailed = this.#calls >= at
    // The disk works again, and the store has not been started again.
    this.#disk.plan = () => 'works'
    await this.#push(life, 4)
    await this.#flush(life)
    await this.#flush(life)
    await this.#check(life, 'the disk works again')
    const requests = await life.registry.list('a')
    if (requests.some(({ state }) => state !== 'processed'))
      this.#problems.push('a delete request is never processed')
    // What a failed sync left must not be missed when the power ends.
    this.#disk.cut()
    const left = this.#medium.lose()
    await life.end()
    this.#medium.restore(left)
    this.#disk.powerOn()
    const next = await this.#open()
    await this.#check(next, 'the power ended')
    await next.end()
    return { hasFailed, problems: this.#problems }
  }

  #open(): Promise<StoreLife> {
    return openStoreLife({
      ...{ dir: this.#dir, disk: this.#disk, medium: this.#medium, clock: this.#clock },
      logger: pino({ level: 'silent' }),
    })
  }

  /** Pushes like an agent: again while it is refused. */
  async #push({ committer }: StoreLife, number: number): Promise<void> {
    const line = `line ${number}`
    const rows = [
      [midnightNs + BigInt(number), line],
      [midnightNs + BigInt(number), `secret ${number}`],
    ] as const
    for (let attempt = 1; attempt <= this.#plan.count + 1; attempt++) {
      try {
        await committer.add('a', [acceptedStream({ app: 'x' }, rows)], 100)
        this.#acknowledged.add(line)
        return
      } catch (error) {
        if (!(error instanceof StorageUnavailableError)) throw error
      }
    }
    this.#problems.push(`${line} is refused after the disk works again`)
  }

  /** Merges, and again after its pause when it failed. */
  async #flush(life: StoreLife): Promise<void> {
    for (let i = 0; i < 2; i++) {
      await life.flush()
      this.#clock.ms += 60_000
    }
    if (this.#plan.kind !== 'read' && this.#plan.kind !== 'open')
      await this.#check(life, 'a call failed')
  }

  async #delete({ registry }: StoreLife): Promise<void> {
    const startMs = Number(midnightNs / 1_000_000n)
    for (let attempt = 1; attempt <= this.#plan.count + 1; attempt++) {
      try {
        await registry.add({
          ...{ tenant: 'a', query: '{app="x"} |= "secret"' },
          ...{ startMs, endMs: startMs + 86_400_000 },
        })
        return
      } catch {
        // The client repeats it.
      }
    }
    this.#problems.push('the delete request is refused after the disk works again')
  }

  /** Reads all that the catalog knows. */
  async #check({ catalog, segmentsDir }: StoreLife, when: string): Promise<void> {
    const counts = new Map<string, number>()
    for (const { name } of await catalog.listSegments()) {
      try {
        const { rows } = await readSegmentBytes(name, this.#disk.bytes(join(segmentsDir, name)))
        for (const { line } of rows) counts.set(line, (counts.get(line) ?? 0) + 1)
      } catch (error) {
        this.#problems.push(`after ${when}: ${(error as Error).message}`)
      }
    }
    for (const line of this.#acknowledged) {
      // A push that was refused may have been stored, and is then there twice until a merge.
      if (!counts.has(line)) this.#problems.push(`after ${when}: ${line} is lost`)
    }
    const names = this.#disk.names(segmentsDir)
    const known = (await catalog.listSegments()).map(({ name }) => name).sort()
    if (when !== 'a call failed' && names.join() !== known.join())
      this.#problems.push(`after ${when}: files ${names.join(' ')}, known are ${known.join(' ')}`)
  }
}
