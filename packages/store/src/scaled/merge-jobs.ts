// The merge of this process among those of all replicas. A job is a row that names what the merge reads and
// writes. Nobody else may begin a merge of the same segments while it is kept alive; once it has expired, the next
// one that asks takes it away, and the merge cannot end any more.

import type { MergeTicket, PlannedMerge } from '../catalog/catalog.ts'
import { jobMs } from '../limits.ts'
import type { Database } from './postgres.ts'

export interface MergeJobsParts {
  readonly database: Pick<Database, 'query'>
  /** Number of this process. */
  readonly epoch: () => number
}

/** Jobs of this process: one at a time. */
export class MergeJobs {
  readonly #parts: MergeJobsParts
  /** The merge under way, and the segments that it writes. */
  #current: { readonly job: number; readonly outputs: readonly string[] } | undefined

  constructor(parts: MergeJobsParts) {
    this.#parts = parts
  }

  /** The job of the merge under way, which must be renewed. */
  get current(): number | undefined {
    return this.#current?.job
  }

  /**
   * Begins a job. Returns `taken` if another process has one of the inputs, or has replaced it.
   *
   * @param rules The delete requests that the merge will follow.
   * @throws CatalogUnavailableError
   */
  async begin({ inputs, outputs }: PlannedMerge, rules: number): Promise<MergeTicket | 'taken'> {
    const { database, epoch } = this.#parts
    const [row] = await database.query<{ id: string | null }>({
      name: 'begin-job',
      text: 'SELECT skald.begin_job($1, $2, $3, $4) AS id',
      values: [epoch(), inputs, outputs, jobMs],
    })
    if (!row?.id) return 'taken'
    this.#current = { job: Number(row.id), outputs }
    return { job: this.#current.job, rules }
  }

  /** Notes that the merge was entered, which has ended its job. */
  noteEntered(): void {
    this.#current = undefined
  }

  /**
   * Ends a job whose merge was not entered, or nobody knows. It never will be after this, and the collector
   * deletes what it has written. If another process has taken the job away, its outputs may have been deleted
   * before they were written, so they are named once more. Never rejects: without an answer, the job expires.
   */
  async giveUp({ job }: MergeTicket): Promise<void> {
    if (this.#current?.job !== job) return
    const { outputs } = this.#current
    this.#current = undefined
    const statement = {
      text: `WITH ended AS (UPDATE skald.jobs SET is_fenced = true WHERE id = $1 RETURNING id)
        INSERT INTO skald.jobs (epoch, outputs, expires, is_fenced)
          SELECT $2, $3, clock_timestamp(), true WHERE NOT EXISTS (SELECT 1 FROM ended)`,
      values: [job, this.#parts.epoch(), outputs],
    }
    await this.#parts.database.query(statement).catch(() => undefined)
  }

  /** Returns the inputs of all jobs that are alive. @throws CatalogUnavailableError */
  async listTaken(): Promise<ReadonlySet<string>> {
    const rows = await this.#parts.database.query<{ name: string }>({
      name: 'taken',
      text: `SELECT unnest(inputs) AS name FROM skald.jobs
        WHERE NOT is_fenced AND expires >= clock_timestamp()`,
    })
    return new Set(rows.map(({ name }) => name))
  }
}
