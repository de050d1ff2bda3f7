// The states of groups in PostgreSQL. Every write is a transaction that checks the lease of the group.

import type { KeptAlert, KeptAlerts } from '../../catalog/kept-rules.ts'
import { ChangeRefusedError } from '../../errors.ts'
import { unstoredSamplesMax } from '../../limits.ts'
import type { GroupReport } from '../../rules/group-status.ts'
import type { GroupState } from '../../rules/rule-store.ts'
import { formatRecord } from '../../rules/write-files.ts'
import type { SamplesOfTenant } from '../../rules/write-request.ts'
import { untilMade } from '../change-tries.ts'
import type { Database, Statement } from '../postgres.ts'
import type { RuleTurns, Term } from './rule-turns.ts'
import { codedAlert, readStates } from './state-codec.ts'

export interface GroupStateParts {
  readonly database: Pick<Database, 'query'>
  readonly turns: RuleTurns
  readonly term: Term
  readonly id: string
  /** What was stored a moment ago. */
  readonly stored: KeptAlerts | undefined
  readonly log: (message: string) => void
}

interface UnstoredSamples {
  readonly server: string
  readonly record: string
  readonly samples: number
  /** Of the evaluation that made them; absent until it ends. */
  timeMs?: number
}

/** The state of a group that this process evaluates. */
export class SharedGroupState implements GroupState {
  readonly #parts: GroupStateParts
  #isFresh = true
  #unstored: UnstoredSamples[] = []

  constructor(parts: GroupStateParts) {
    this.#parts = parts
  }

  get isCurrent(): boolean {
    const { phase, lost } = this.#parts.term
    return phase === 'held' && !lost.signal.aborted
  }

  get mayTell(): boolean {
    return this.#parts.turns.isValid(this.#parts.term)
  }

  get lost(): AbortSignal {
    return this.#parts.term.lost.signal
  }

  async load(): Promise<KeptAlerts | undefined> {
    const { database, id, stored } = this.#parts
    if (!this.#isFresh) return (await readStates(database, [id])).get(id)
    this.#isFresh = false
    return stored
  }

  async save(evaluatedMs: number, changes: readonly KeptAlert[]): Promise<void> {
    const coded = changes.map(codedAlert)
    await this.#write({
      name: 'save-alerts',
      text: 'SELECT skald.save_alerts($1, $2, $3, $4, $5, $6, $7)',
      values: [
        ...[...this.#turn, evaluatedMs],
        coded.map(({ id }) => id),
        coded.map(({ text }) => text),
      ],
    })
  }

  readonly addSamples = (server: string, { tenant, samples }: SamplesOfTenant): void => {
    const record = formatRecord({ tenant, samples })
    this.#unstored.push({ server, record, samples: samples.length })
  }

  async finish(report: GroupReport): Promise<void> {
    for (const one of this.#unstored) one.timeMs ??= report.evaluatedMs
    const own = [...this.#unstored]
    await this.#write({
      name: 'finish-group',
      text: 'SELECT skald.finish_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
      values: [
        ...[...this.#turn, report.evaluatedMs, JSON.stringify(report)],
        own.map(({ server }) => server),
        own.map(({ timeMs }) => timeMs),
        own.map(({ samples }) => samples),
        own.map(({ record }) => record),
      ],
    }).catch((error: Error) => {
      this.#dropOldest()
      throw error
    })
    this.#unstored = this.#unstored.slice(own.length)
  }

  /** What every write begins with. */
  get #turn(): readonly unknown[] {
    const { term, id } = this.#parts
    return [term.lease, term.epoch, term.token, id]
  }

  async #write(statement: Statement): Promise<void> {
    const { database, turns, term } = this.#parts
    const { signal } = term.lost
    const write = async () => {
      try {
        await database.query(statement)
      } catch (error) {
        if (!(error instanceof ChangeRefusedError) || error.reason !== 'turn') throw error
        if (!(await turns.revive(term))) throw error
        await database.query(statement)
      }
    }
    await untilMade(write, () => signal.aborted).catch((error: Error) => {
      if (error instanceof ChangeRefusedError && error.reason === 'turn') turns.noteLost(term)
      throw error
    })
  }

  #dropOldest(): void {
    let count = this.#unstored.reduce((sum, { samples }) => sum + samples, 0)
    let dropped = 0
    while (count > unstoredSamplesMax) {
      const samples = this.#unstored.shift()?.samples ?? 0
      count -= samples
      dropped += samples
    }
    if (dropped > 0) this.#parts.log(`${dropped} samples were dropped: PostgreSQL takes none`)
  }
}
