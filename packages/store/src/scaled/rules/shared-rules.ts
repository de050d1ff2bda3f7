// Rules on replicas. Those made by API are changes of the shared catalog, so every replica has them. Groups are divided
// by leases; the one that has the lease of a group evaluates it, and its state is in PostgreSQL.

import type { Logger } from 'pino'
import type { RuleChange } from '../../catalog/catalog-changes.ts'
import type { GroupNames, KeptGroup } from '../../catalog/kept-rules.ts'
import {
  CatalogUnavailableError,
  ChangeRefusedError,
  StorageUnavailableError,
} from '../../errors.ts'
import {
  leaseMs,
  leaseRenewMs,
  ruleLeases,
  ruleTakeoverMs,
  sharedQueueBoundMs,
  sharedQueuePollMs,
  unknownServerMs,
} from '../../limits.ts'
import type { StoredGroup } from '../../rules/group-status.ts'
import type {
  GroupState,
  QueueOptions,
  RuleListener,
  RuleStore,
  SharedRuleWork,
} from '../../rules/rule-store.ts'
import type { WriteQueue } from '../../rules/write-queue.ts'
import { untilMade } from '../change-tries.ts'
import type { Database } from '../postgres.ts'
import { rulesMigrationNumber } from '../schema.ts'
import type { SharedCatalog } from '../shared-catalog.ts'
import { SharedGroupState } from './group-states.ts'
import { leaseOfGroup, RuleTurns } from './rule-turns.ts'
import { SharedQueue } from './shared-queue.ts'
import { groupId, readStates } from './state-codec.ts'

export interface SharedRulesParts {
  readonly database: Database
  readonly catalog: SharedCatalog
  /** Number of this process. */
  readonly epoch: () => number
  readonly logger: Logger
}

/** The rules that all replicas share. */
export class SharedRules implements RuleStore, SharedRuleWork {
  readonly takeoverMs = ruleTakeoverMs
  readonly #parts: SharedRulesParts
  readonly #turns: RuleTurns
  readonly #queues: SharedQueue[] = []
  readonly #timers: NodeJS.Timeout[] = []
  #listener: RuleListener | undefined
  #isClosed = false

  constructor(parts: SharedRulesParts) {
    this.#parts = parts
    this.#turns = new RuleTurns(parts)
  }

  get shared(): SharedRuleWork {
    return this
  }

  /** Without PostgreSQL, returns what this replica knows. */
  async listGroups(): Promise<readonly KeptGroup[]> {
    const { catalog } = this.#parts
    await catalog.refresh()
    return catalog.copy.rules.listGroups()
  }

  setGroup(group: KeptGroup): Promise<void> {
    return this.#record({ kind: 'rule-group-set', group })
  }

  removeGroups(groups: readonly GroupNames[]): Promise<void> {
    return this.#record({ kind: 'rule-groups-removed', groups })
  }

  async #record(change: RuleChange): Promise<void> {
    try {
      await this.#refuseOlder()
      await this.#parts.catalog.changeRules(change)
    } catch (cause) {
      if (!(cause instanceof CatalogUnavailableError || cause instanceof ChangeRefusedError))
        throw cause
      throw new StorageUnavailableError(`Cannot store a rule group: ${cause.message}`, { cause })
    }
  }

  /** An older program does not know such changes, and the copies of the catalog that it makes would lack them. */
  async #refuseOlder(): Promise<void> {
    const ask = () =>
      this.#parts.database.query<{ older: boolean }>({
        text: `SELECT EXISTS (SELECT 1 FROM skald.replicas
          WHERE migrations < $1 AND seen > clock_timestamp() - $2 * interval '1 millisecond') AS older`,
        values: [rulesMigrationNumber, leaseMs],
      })
    const [row] = await untilMade(ask, () => this.#isClosed)
    if (!row?.older) return
    throw new StorageUnavailableError(
      'Cannot store a rule group: a replica still runs an older version; send it again when all are updated',
    )
  }

  async open(keys: readonly string[]): Promise<ReadonlyMap<string, GroupState>> {
    const { database, logger } = this.#parts
    const mine = keys.flatMap(key => {
      const id = groupId(key)
      const term = this.#turns.termOf(leaseOfGroup(id))
      return term ? [{ key, id, term }] : []
    })
    const stored = await readStates(
      database,
      mine.map(({ id }) => id),
    )
    const log = (message: string) => logger.warn(message)
    return new Map(
      mine.map(({ key, id, term }) => [
        key,
        new SharedGroupState({
          ...{ database, turns: this.#turns, term, id, log, stored: stored.get(id) },
        }),
      ]),
    )
  }

  async forgetOthers(keys: ReadonlySet<string>): Promise<void> {
    const terms = Array.from({ length: ruleLeases }, (_, i) =>
      this.#turns.termOf(`rules/${i}`),
    ).flatMap(term => term ?? [])
    if (terms.length === 0) return
    // Skips leases that another process has taken meanwhile.
    await this.#parts.database.query({
      text: `WITH mine AS (SELECT kind FROM skald.leases
            WHERE kind = ANY ($1) AND token = ANY ($2) AND expires > clock_timestamp() FOR SHARE)
        DELETE FROM skald.rule_states WHERE lease IN (SELECT kind FROM mine) AND id <> ALL ($3)`,
      values: [
        terms.map(({ lease }) => lease),
        terms.map(({ token }) => token),
        [...keys].map(groupId),
      ],
    })
  }

  openQueue({ name, onDrop }: QueueOptions): WriteQueue {
    const { database } = this.#parts
    const queue = new SharedQueue({ database, turns: this.#turns, name, onDrop })
    this.#queues.push(queue)
    this.#turns.addServer(name)
    return queue
  }

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, StoredGroup>> {
    const ids = keys.map(groupId)
    const stored = await readStates(this.#parts.database, ids)
    return new Map(
      keys.flatMap((key, i) => {
        const found = stored.get(ids[i]!)
        return found ? [[key, found] as const] : []
      }),
    )
  }

  async start(listener: RuleListener): Promise<void> {
    this.#listener = listener
    await this.#turns.renew().catch(() => undefined)
    await this.#forgetServers().catch(() => undefined)
    this.#every(leaseRenewMs, () => this.#renew())
    this.#every(sharedQueuePollMs, async () => listener.onSamples())
    this.#every(sharedQueueBoundMs, async () => {
      for (const queue of this.#queues) await queue.bound().catch(() => undefined)
    })
  }

  /** Notes that rules may have changed. Returns at once, because those who tell it may not wait for the ruler. */
  noteChanges(): void {
    void this.#listener?.onRules()
  }

  /** Samples for servers that nobody configures any more. Replicas of a configuration before may send them for a while. */
  async #forgetServers(): Promise<void> {
    await this.#parts.database.query({
      text: `DELETE FROM skald.rule_samples
        WHERE server <> ALL ($1) AND entered < clock_timestamp() - $2 * interval '1 millisecond'`,
      values: [this.#queues.map(({ name }) => name), unknownServerMs],
    })
  }

  /** Failures of requests are logged by the catalog. */
  async #renew(): Promise<void> {
    if (this.#isClosed) return
    const hasChanged = await this.#turns.renew().catch(() => false)
    // Those of an earlier look are noted by that one: their groups may take longer to stop.
    const giving = hasChanged ? this.#turns.giving : []
    // Not awaited: leases must be renewed while groups stop.
    void this.#listener?.onTurns(hasChanged).then(() => {
      if (giving.length === 0) return undefined
      this.#turns.noteStopped(giving)
      return this.#renew()
    })
  }

  /** Runs something again and again, but never twice at a time. It must not reject. */
  #every(ms: number, run: () => Promise<void>): void {
    let isRunning = false
    const timer = setInterval(() => {
      if (isRunning) return
      isRunning = true
      void run().finally(() => {
        isRunning = false
      })
    }, ms)
    timer.unref()
    this.#timers.push(timer)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#turns.release().catch(() => undefined)
  }
}
