// Keeps this process in the list of replicas, and its leases and its merge alive. A lease saves work: two
// replicas that both believe to have one do no harm, because transactions check what they rely on.

import { jobMs, leaseMs, replicaFencedMs } from '../limits.ts'
import type { Database } from './postgres.ts'

/** Work that one replica at a time does. */
export type LeaseKind = 'compaction' | 'collection'

const kinds = ['compaction', 'collection'] as const

export interface LeasesParts {
  readonly database: Database
  readonly epoch: () => number
  /** Called when the process is not in the list of replicas, or was not seen for too long. */
  readonly onFenced?: () => void
  /** The job of the merge under way. */
  readonly job: () => number | undefined
}

interface Held {
  /** By this process's clock, and never later than PostgreSQL's. */
  readonly untilMs: number
  readonly isNew: boolean
}

/** The leases of a process. */
export class Leases {
  readonly #parts: LeasesParts
  readonly #held = new Map<LeaseKind, Held>()
  #liveReplicas = 1

  constructor(parts: LeasesParts) {
    this.#parts = parts
  }

  /** Number of processes that were alive at the last renewal, this one included. */
  get liveReplicas(): number {
    return this.#liveReplicas
  }

  /** Returns true while the process has a lease. */
  has(kind: LeaseKind): boolean {
    return (this.#held.get(kind)?.untilMs ?? 0) > performance.now()
  }

  /** Returns whether the process has a lease, and whether another may have had it since the last call. */
  turnOf(kind: LeaseKind): 'mine' | 'new' | 'no' {
    if (!this.has(kind)) return 'no'
    const held = this.#held.get(kind)!
    this.#held.set(kind, { ...held, isNew: false })
    return held.isNew ? 'new' : 'mine'
  }

  /** Takes or renews all that can be had. @throws CatalogUnavailableError */
  async renew(): Promise<void> {
    const { database, job, onFenced } = this.#parts
    const epoch = this.#parts.epoch()
    const askedMs = performance.now()
    const [row] = await database.query<Record<LeaseKind | 'known', boolean> & { others: string }>({
      name: 'renew',
      text: `WITH seen AS (UPDATE skald.replicas SET seen = clock_timestamp()
            WHERE epoch = $1 AND seen > clock_timestamp() - $5 * interval '1 millisecond' RETURNING 1),
          kept AS (UPDATE skald.jobs SET expires = clock_timestamp() + $3 * interval '1 millisecond'
            WHERE id = $4 AND NOT is_fenced)
        SELECT skald.lease('compaction', $1, $2) AS compaction, skald.lease('collection', $1, $2) AS collection,
          EXISTS (SELECT 1 FROM seen) AS known,
          (SELECT count(*) FROM skald.replicas
            WHERE epoch <> $1 AND seen > clock_timestamp() - $2 * interval '1 millisecond') AS others`,
      values: [epoch, leaseMs, jobMs, job() ?? null, replicaFencedMs],
    })
    this.#liveReplicas = 1 + Number(row!.others)
    if (!row!.known) onFenced?.()
    for (const kind of kinds) {
      if (!row?.[kind]) {
        this.#held.delete(kind)
        continue
      }
      const isNew = !this.has(kind) || this.#held.get(kind)!.isNew
      this.#held.set(kind, { untilMs: askedMs + leaseMs, isNew })
    }
  }

  /** Lets others have them at once. @throws CatalogUnavailableError */
  async release(): Promise<void> {
    const { database } = this.#parts
    const epoch = this.#parts.epoch()
    this.#held.clear()
    await database.query({
      text: `WITH left_now AS (DELETE FROM skald.replicas WHERE epoch = $1),
          ended AS (UPDATE skald.jobs SET is_fenced = true WHERE epoch = $1)
        DELETE FROM skald.leases WHERE epoch = $1`,
      values: [epoch],
    })
  }
}
