// Enters streams, their labels and the times of their activity into the catalog's database. Remembers what it has
// entered, so that a commit costs statements only for what is new.

import { catalogPairsCachedMax } from '../limits.ts'
import type { CatalogPart, StreamActivity } from './catalog.ts'
import { activityStepNs, KnownStreams, stepOf } from './known-streams.ts'
import type { CatalogStatements } from './sqlite-statements.ts'
import { clampToInt64 } from './time-bounds.ts'

export class StreamWriter {
  readonly #sql: CatalogStatements
  readonly #known = new KnownStreams()
  /** Ids of labels by tenant, name and value. */
  readonly #pairs = new Map<string, number>()

  constructor(sql: CatalogStatements) {
    this.#sql = sql
  }

  /** Enters the streams of a part, and when they are active. Needs a transaction. */
  addActivities(part: CatalogPart): void {
    for (const stream of part.streams) this.#addActivity(part, stream)
  }

  #addActivity({ tenant, day }: CatalogPart, stream: StreamActivity): void {
    let firstStep = stepOf(stream.minNs)
    let lastStep = stepOf(stream.maxNs)
    const known = this.#known.get(tenant, stream.labelsText)
    const isSameDay = known?.day === day
    if (isSameDay && known.firstStep <= firstStep && known.lastStep >= lastStep) return
    const found = known?.id ?? this.#idOf(tenant, stream)
    const id = found ?? this.#enterStream(tenant, stream)
    const minNs = BigInt(firstStep) * activityStepNs
    const maxNs = clampToInt64(BigInt(lastStep + 1) * activityStepNs - 1n)
    const activity = { id, day, minNs, maxNs }
    if (found === undefined || this.#sql.extendActivity.run(activity).changes === 0) {
      this.#sql.addActivity.run(activity)
      this.#sql.addPairDays.run({ id, day })
    }
    if (isSameDay) {
      firstStep = Math.min(firstStep, known.firstStep)
      lastStep = Math.max(lastStep, known.lastStep)
    }
    this.#known.set(tenant, stream.labelsText, { id, day, firstStep, lastStep })
  }

  #idOf(tenant: string, { labelsText }: StreamActivity): number | undefined {
    return this.#sql.findStream.get(tenant, labelsText) as number | undefined
  }

  #enterStream(tenant: string, stream: StreamActivity): number {
    const id = this.#sql.addStream.get(tenant, stream.labelsText) as number
    this.#addPairs(tenant, stream, id)
    return id
  }

  #addPairs(tenant: string, { labels }: StreamActivity, id: number): void {
    for (const { name, value } of labels) {
      this.#sql.addStreamPair.run(this.#pairOf(tenant, name, value), id)
    }
  }

  /** Returns the id of a label. Adds it if the database does not have it. */
  #pairOf(tenant: string, name: string, value: string): number {
    // Neither tenants nor names have a NUL.
    const key = `${tenant}\0${name}\0${value}`
    const known = this.#pairs.get(key)
    if (known !== undefined) return known
    const added = this.#sql.addPair.get(tenant, name, value) as number | undefined
    const id = added ?? (this.#sql.findPair.get(tenant, name, value) as number)
    if (this.#pairs.size >= catalogPairsCachedMax) this.#pairs.clear()
    this.#pairs.set(key, id)
    return id
  }

  /** Enters again what belongs to a stream that the database has, as far as it is missing. Call `forget` before. */
  renewPairs({ tenant, day }: CatalogPart, stream: StreamActivity): void {
    const id = this.#idOf(tenant, stream)
    if (id === undefined) return
    this.#addPairs(tenant, stream, id)
    this.#sql.addPairDays.run({ id, day })
  }

  /** Forgets what was entered: after a transaction was rolled back, and when streams were removed. */
  forget(): void {
    this.#known.clear()
    this.#pairs.clear()
  }
}
