// One random story of a store whose power ends several times: pushes, merges, retention, deletes and
// an upgrade of the catalog. After each start it checks everything that a store promises. The same
// seed tells the same story.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { pino } from 'pino'
import { Random } from '../../../../bench/random.ts'
import { acceptedStream, dayNs, midnightNs, type Row } from '../harness.ts'
import { readSegmentBytes } from '../segment-rows.ts'
import { CatalogMedium } from './catalog-medium.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { FailedStartError, openStoreLife, type StoreLife } from './store-life.ts'
import { describeStorage, type FoundRow, StoredLines } from './stored-lines.ts'

export interface PowerCounts {
  /** Ends of the power, and of the process with the power on. */
  readonly powerLosses: number
  readonly kills: number
  /** Those within a start. */
  readonly duringStarts: number
  readonly acknowledged: number
  readonly deletes: number
}

/** What was found wrong, with the seed that shows it again. */
export class PowerStoryError extends Error {
  constructor(seed: number, problems: readonly string[]) {
    super(`seed ${seed}: ${problems.slice(0, 5).join('; ')}`)
    this.name = 'PowerStoryError'
  }
}

const livesWithEnd = 5
const stepsMax = 14
/** Calls of a life before it ends. A commit has about 8, a merge some dozens. */
const callsMax = 120

/** Runs a story in an empty directory. @throws PowerStoryError */
export async function runPowerStory(seed: number, dir: string): Promise<PowerCounts> {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const story = new PowerStory(seed, dir)
  return story.run()
}

class PowerStory {
  readonly #seed: number
  readonly #dir: string
  readonly #random: Random
  readonly #disk: SimulatedDisk
  readonly #medium: CatalogMedium
  readonly #lines = new StoredLines()
  readonly #errors: string[] = []
  readonly #logger = pino(
    { level: 'error' },
    {
      write: (line: string) => {
        // A new store may find the first file that it ever began to write. It cannot know that.
        if (!line.includes('set aside a damaged or incomplete segment')) this.#errors.push(line)
      },
    },
  )
  readonly #clock = {
    ms: Number((midnightNs + dayNs) / 1_000_000n),
    // Every look at the clock takes a while, so that nothing waits.
    now: () => {
      this.#clock.ms += 30
      return this.#clock.ms
    },
  }
  readonly #counts = { powerLosses: 0, kills: 0, duringStarts: 0, deletes: 0 }
  #batch = 0
  #answeredDeletes = 0
  #life: StoreLife | undefined
  /** What the catalog is left with if the power ended within a checkpoint. */
  #tornCheckpoint: ReturnType<CatalogMedium['lose']> | undefined

  constructor(seed: number, dir: string) {
    this.#seed = seed
    this.#dir = dir
    this.#random = new Random(seed)
    this.#disk = new SimulatedDisk(this.#random)
    this.#medium = new CatalogMedium(join(dir, 'catalog.sqlite'), this.#random)
  }

  async run(): Promise<PowerCounts> {
    const isUpgrade = this.#random.chance(0.25)
    if (isUpgrade) await this.#beginWithOldCatalog()
    for (let life = 0; life < livesWithEnd; life++) {
      // An upgrade happens before the first call.
      this.#planEnd(isUpgrade && life === 0 ? 4 : callsMax)
      await this.#live()
    }
    this.#disk.plan = () => 'works'
    const life = await this.#start()
    await this.#push(life)
    for (let i = 0; i < 3; i++) {
      this.#clock.ms += 3_600_000
      await life.flush()
    }
    await this.#check(life, { isProcessed: true })
    if (this.#errors.length > 0) this.#fail(this.#errors)
    await life.end()
    return { ...this.#counts, acknowledged: this.#lines.count('acknowledged') }
  }

  /** Makes the power end at one of the next calls. */
  #planEnd(callsAtMost: number): void {
    let left = this.#random.between(1, callsAtMost)
    const fate = this.#random.pick([
      'power ends before',
      'power ends within',
      'power ends after',
    ] as const)
    this.#disk.plan = () => (--left === 0 ? fate : 'works')
  }

  /** Lives until the power ends, or for some steps. */
  async #live(): Promise<void> {
    const life = await this.#start()
    await this.#check(life, { isProcessed: false })
    const steps = this.#random.between(1, stepsMax)
    for (let step = 0; step < steps && !this.#disk.isOff; step++) await this.#step(life)
    if (!this.#disk.isOff) this.#disk.cut()
    await this.#loseAll(() => life.end())
  }

  /** Starts until a start succeeds. Only the first ones may lose their power. */
  async #start(): Promise<StoreLife> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#life = await openStoreLife({
          ...{ dir: this.#dir, disk: this.#disk, medium: this.#medium },
          ...{ clock: this.#clock, logger: this.#logger },
        })
        // Errors while the power is going are no news. All others are faults.
        if (this.#errors.length > 0) this.#fail(this.#errors)
        return this.#life
      } catch (error) {
        if (!(error instanceof FailedStartError) || !this.#disk.isOff) throw error
        this.#counts.duringStarts++
        await this.#loseAll(error.end)
        if (attempt >= 3) this.#disk.plan = () => 'works'
        else this.#planEnd(40)
      }
    }
  }

  /** Ends the process, with the power or without it. */
  async #loseAll(end: () => Promise<void>): Promise<void> {
    const torn = this.#tornCheckpoint
    this.#tornCheckpoint = undefined
    const isPowerLoss = torn !== undefined || this.#random.chance(0.75)
    const left = torn ?? (isPowerLoss ? this.#medium.lose() : this.#medium.keep())
    await end()
    this.#errors.length = 0
    if (isPowerLoss) {
      this.#counts.powerLosses++
      this.#medium.restore(left)
      this.#disk.powerOn()
    } else {
      this.#counts.kills++
      this.#medium.restoreUnsynced(left)
      this.#disk.restart()
    }
  }

  async #step(life: StoreLife): Promise<void> {
    const dice = this.#random.fraction()
    if (dice < 0.6) return this.#push(life)
    if (dice < 0.8) return life.flush()
    if (dice < 0.88) return this.#delete(life)
    if (dice < 0.94) {
      this.#clock.ms += 3_600_000
      return life.flush()
    }
    return this.#checkpoint()
  }

  /** Moves what SQLite has in its log into its database. The power may end within. */
  #checkpoint(): void {
    const left = this.#medium.checkpoint(() => {
      const database = new Database(join(this.#dir, 'catalog.sqlite'))
      database.pragma('wal_checkpoint(PASSIVE)')
      database.close()
    })
    if (this.#random.chance(0.5)) return
    this.#tornCheckpoint = left
    this.#disk.cut()
  }

  async #push({ committer }: StoreLife): Promise<void> {
    const random = this.#random
    const batch = this.#batch++
    const streams = Array.from({ length: random.between(1, 3) }, (_, i) => {
      const app = `app${(batch + i) % 4}`
      const rows = Array.from({ length: random.between(1, 8) }, () => {
        const isOld = random.chance(0.1)
        // Few times, so that many lines share one.
        const timeNs = (isOld ? midnightNs - 3n * dayNs : midnightNs) + BigInt(random.below(40))
        const filling = random.chance(0.1) ? noise(random, random.below(6000)) : 'x'.repeat(20)
        return this.#lines.add({ stream: `{app="${app}"}`, timeNs, batch, filling })
      })
      rows.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0))
      return { app, rows }
    })
    try {
      await committer.add(
        'a',
        streams.map(({ app, rows }) =>
          acceptedStream(
            { app },
            rows.map(({ timeNs, text }): Row => [timeNs, text]),
          ),
        ),
        100,
      )
    } catch (error) {
      if (!this.#disk.isOff) throw error
      return
    }
    for (const { rows } of streams) {
      for (const line of rows) line.state = line.timeNs < midnightNs ? 'going' : 'acknowledged'
    }
  }

  async #delete({ registry }: StoreLife): Promise<void> {
    if (this.#batch === 0) return
    const batch = this.#random.below(this.#batch)
    const chosen = this.#lines.lines.filter(line => line.batch === batch)
    const { stream } = this.#random.pick(chosen)
    const hit = chosen.filter(line => line.stream === stream && line.state !== 'deleted')
    for (const line of hit) line.state = 'going'
    const startMs = Number(midnightNs / 1_000_000n)
    try {
      await registry.add({
        ...{ tenant: 'a', query: `${stream} |= "b${batch} "` },
        ...{ startMs, endMs: startMs + 86_400_000 },
      })
    } catch (error) {
      if (!this.#disk.isOff) throw error
      return
    }
    this.#counts.deletes++
    this.#answeredDeletes++
    for (const line of hit) if (line.timeNs >= midnightNs) line.state = 'deleted'
  }

  async #check(life: StoreLife, options: { readonly isProcessed: boolean }): Promise<void> {
    const { catalog, registry, segmentsDir } = life
    const problems: string[] = []
    const known = (await catalog.listSegments()).map(({ name }) => name).sort()
    const names = this.#disk.names(segmentsDir)
    if (names.join() !== known.join())
      problems.push(`files ${names.join(' ')}, known are ${known.join(' ')}`)
    const rows: FoundRow[] = []
    for (const name of known) rows.push(...(await this.#readRows(segmentsDir, name)))
    problems.push(...this.#lines.check(rows, options))
    const requests = await registry.list('a')
    if (requests.length < this.#answeredDeletes)
      problems.push(`${requests.length} of ${this.#answeredDeletes} delete requests are there`)
    if (options.isProcessed) {
      if (requests.some(({ state }) => state !== 'processed'))
        problems.push('a delete request is not processed')
      const old = rows.filter(({ timeNs }) => timeNs < midnightNs)
      if (old.length > 0) problems.push(`${old.length} lines are past their retention`)
    }
    if (problems.length > 0) this.#fail(problems)
    await this.#checkSecondRecovery(life)
  }

  /** A recovery that ends has nothing left to do. */
  async #checkSecondRecovery(life: StoreLife): Promise<void> {
    const { plan } = this.#disk
    this.#disk.plan = () => 'works'
    const before = await describeStorage(life, this.#disk.names(life.segmentsDir))
    await life.recoverAgain()
    const after = await describeStorage(life, this.#disk.names(life.segmentsDir))
    this.#disk.plan = plan
    if (before !== after) this.#fail([`a second recovery changes ${before} to ${after}`])
  }

  async #readRows(segmentsDir: string, name: string): Promise<FoundRow[]> {
    const segment = await readSegmentBytes(name, this.#disk.bytes(join(segmentsDir, name)))
    const sequences = segment.footer.parts.flatMap(({ blocks }) =>
      blocks.flatMap(({ rowCount, sequence }) => Array<number>(rowCount).fill(sequence)),
    )
    return segment.rows.map(({ labels, timeNs, line }, row) => {
      return { labels, timeNs, line, sequence: sequences[row]!, row }
    })
  }

  /** Leaves a store whose catalog is that of an older version. */
  async #beginWithOldCatalog(): Promise<void> {
    const life = await this.#start()
    for (let i = 0; i < 4; i++) await this.#push(life)
    await life.flush()
    await this.#push(life)
    await life.end()
    const database = new Database(join(this.#dir, 'catalog.sqlite'))
    database.exec(
      'DROP TABLE pair_days; DROP TABLE marks; DROP TABLE lost_segments;' +
        'DROP TABLE rule_groups; DROP TABLE rule_evaluations; DROP TABLE rule_alerts;' +
        'ALTER TABLE segments DROP COLUMN version;' +
        'PRAGMA user_version = 2; PRAGMA application_id = 0',
    )
    database.close()
    this.#medium.sync()
    this.#disk.restart()
  }

  #fail(problems: readonly string[]): never {
    throw new PowerStoryError(this.#seed, problems)
  }
}

function noise(random: Random, length: number): string {
  let text = ''
  while (text.length < length) text += random.uint32().toString(36)
  return text
}
