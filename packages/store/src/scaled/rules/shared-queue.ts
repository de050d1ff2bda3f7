// The samples of all replicas that wait in PostgreSQL for one server. One replica sends them.

import { ChangeRefusedError } from '../../errors.ts'
import { sharedQueueBytesMax, sharedQueueRecordsMax } from '../../limits.ts'
import { parseRecord } from '../../rules/write-files.ts'
import type { WaitingPiece, WriteQueue } from '../../rules/write-queue.ts'
import type { Database, Statement } from '../postgres.ts'
import { leaseOfServer, type RuleTurns, type Term } from './rule-turns.ts'

export interface SharedQueueParts {
  readonly database: Pick<Database, 'query'>
  readonly turns: RuleTurns
  /** Names the server. */
  readonly name: string
  readonly onDrop: (samples: number) => void
}

interface PieceRow {
  readonly is_again: boolean
  readonly records: readonly string[] | null
  readonly waiting: string
}

/** The samples for a server. They are added with the states of groups. */
export class SharedQueue implements WriteQueue {
  readonly #parts: SharedQueueParts
  /** As it was last read. */
  #waitingBytes = 0

  constructor(parts: SharedQueueParts) {
    this.#parts = parts
  }

  /** Names the server. */
  get name(): string {
    return this.#parts.name
  }

  get isMine(): boolean {
    const term = this.#term
    return term !== undefined && this.#parts.turns.isValid(term)
  }

  /** 0 at processes that do not send. */
  get waitingBytes(): number {
    return this.isMine ? this.#waitingBytes : 0
  }

  get #term(): Term | undefined {
    return this.#parts.turns.termOf(leaseOfServer(this.#parts.name))
  }

  /** @throws CatalogUnavailableError */
  async read(samplesMax: number): Promise<WaitingPiece | undefined> {
    const term = this.#term
    if (!term || !this.isMine) return undefined
    const [row] = await this.#ask<PieceRow>(term, {
      name: 'next-samples',
      text: 'SELECT * FROM skald.next_samples($1, $2, $3, $4, $5, $6)',
      values: [samplesMax, sharedQueueRecordsMax],
    })
    if (!row) return undefined
    this.#waitingBytes = Number(row.waiting)
    if (!row.records) return undefined
    return {
      records: row.records.flatMap(text => parseRecord(text) ?? []),
      isAgain: row.is_again,
      settle: () => this.#settle(term),
    }
  }

  async #settle(term: Term): Promise<void> {
    await this.#ask(term, {
      name: 'settle-samples',
      text: 'SELECT skald.settle_samples($1, $2, $3, $4)',
      values: [],
    })
  }

  /** Asks with a lease. Returns no rows if another process has it. @throws CatalogUnavailableError */
  async #ask<Row>(term: Term, { values = [], ...statement }: Statement): Promise<Row[]> {
    const { database, turns, name } = this.#parts
    try {
      return await database.query<Row>({
        ...statement,
        values: [term.lease, term.epoch, term.token, name, ...values],
      })
    } catch (error) {
      if (!(error instanceof ChangeRefusedError)) throw error
      turns.noteLost(term)
      return []
    }
  }

  /** Drops the oldest samples if too many wait. @throws CatalogUnavailableError */
  async bound(): Promise<void> {
    if (!this.isMine) return
    const { database, name, onDrop } = this.#parts
    const [row] = await database.query<{ dropped: string }>({
      text: 'SELECT skald.drop_samples($1, $2) AS dropped',
      values: [name, sharedQueueBytesMax],
    })
    const dropped = Number(row?.dropped ?? 0)
    if (dropped > 0) onDrop(dropped)
  }

  /** Does nothing: they wait for the next process. */
  async close(): Promise<void> {}
}
