// Which leases of rules this process has: its share of those for groups, and those for servers that get samples. A lease
// has a token that changes with its holder. Every write names it, so that a process that wakes up too late is refused.

import { leaseMs, ruleLeases } from '../../limits.ts'
import type { Database } from '../postgres.ts'

/** A lease, for as long as the process has it. */
export interface Term {
  readonly lease: string
  readonly epoch: number
  readonly token: string
  /** By this process's clock, and never later than PostgreSQL's. */
  untilMs: number
  /** `giving`: to be left to another process once its groups have stopped here; `given`: they have. */
  phase: 'held' | 'giving' | 'given'
  /** Aborted when the process has it no longer. */
  readonly lost: AbortController
}

export interface RuleTurnsParts {
  readonly database: Pick<Database, 'query'>
  /** Number of this process. */
  readonly epoch: () => number
}

interface Row {
  readonly held: string
  readonly held_token: string
  readonly share: number
}

const shared = Array.from({ length: ruleLeases }, (_, i) => `rules/${i}`)

/** Returns the lease of a group. @param id SHA-256 of its names, in hexadecimal. */
export function leaseOfGroup(id: string): string {
  return shared[Number.parseInt(id.slice(0, 8), 16) % ruleLeases]!
}

/** Returns the lease to send samples to a server. */
export function leaseOfServer(name: string): string {
  return `samples/${name}`
}

/** The leases of a process. */
export class RuleTurns {
  readonly #parts: RuleTurnsParts
  readonly #terms = new Map<string, Term>()
  readonly #servers = new Set<string>()
  #renewing: Promise<boolean> | undefined
  #renewedMs = Number.POSITIVE_INFINITY

  constructor(parts: RuleTurnsParts) {
    this.#parts = parts
  }

  /** Has the process send samples to a server, unless another one does. */
  addServer(name: string): void {
    this.#servers.add(leaseOfServer(name))
  }

  /** Returns the term of a lease that the process has, and keeps. */
  termOf(lease: string): Term | undefined {
    const term = this.#terms.get(lease)
    return term?.phase === 'held' ? term : undefined
  }

  /** Returns true while the process has a lease. */
  isValid({ lost, untilMs }: Term): boolean {
    return !lost.signal.aborted && performance.now() < untilMs
  }

  /** Notes that PostgreSQL has refused a write of a term. */
  noteLost(term: Term): void {
    if (this.#terms.get(term.lease) === term) this.#terms.delete(term.lease)
    term.lost.abort()
  }

  /** Leases to give, once their groups have stopped. */
  get giving(): readonly Term[] {
    return [...this.#terms.values()].filter(({ phase }) => phase === 'giving')
  }

  /** Notes that the groups of leases to give have stopped. */
  noteStopped(giving: readonly Term[]): void {
    for (const term of giving) term.phase = 'given'
  }

  /**
   * Renews the leases, and takes or gives some. Returns true if that changes what the process has to do.
   * @throws CatalogUnavailableError
   */
  renew(): Promise<boolean> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #renewOnce(): Promise<boolean> {
    const { database } = this.#parts
    const epoch = this.#parts.epoch()
    const askedMs = performance.now()
    const given = [...this.#terms.values()].filter(({ phase }) => phase === 'given')
    // PostgreSQL was away, perhaps for all. The others should find their leases too, so none of them is taken yet.
    const isLate = askedMs > this.#renewedMs + leaseMs
    const wanted = (leases: readonly string[]) =>
      isLate ? leases.filter(lease => this.#terms.has(lease)) : leases
    const rows = await database.query<Row>({
      name: 'take-turns',
      text: 'SELECT * FROM skald.take_turns($1, $2, $3, $4, $5)',
      values: [
        ...[epoch, wanted(shared), wanted([...this.#servers])],
        ...[given.map(({ lease }) => lease), leaseMs],
      ],
    })
    this.#renewedMs = askedMs
    const known = new Map(rows.map(({ held, held_token }) => [held, held_token]))
    let hasChanged = false
    for (const term of [...this.#terms.values()]) {
      if (term.epoch === epoch && known.get(term.lease) === term.token) continue
      hasChanged ||= term.phase === 'held'
      this.noteLost(term)
    }
    const untilMs = askedMs + leaseMs
    for (const [lease, token] of known) {
      const term = this.#terms.get(lease)
      if (term) term.untilMs = untilMs
      else {
        this.#terms.set(lease, {
          ...{ lease, epoch, token, untilMs, phase: 'held', lost: new AbortController() },
        })
        hasChanged = true
      }
    }
    // The share is of all leases.
    if (isLate) return hasChanged
    return this.#giveBeyond(rows[0]?.share ?? 0) || hasChanged
  }

  #giveBeyond(share: number): boolean {
    const groups = shared.flatMap(lease => this.termOf(lease) ?? [])
    const beyond = groups.slice(share)
    for (const term of beyond) term.phase = 'giving'
    return beyond.length > 0
  }

  /**
   * Renews a lease that ended while PostgreSQL was away. Returns false if another process has had it since: then what this
   * one knows is old. @throws CatalogUnavailableError
   */
  async revive(term: Term): Promise<boolean> {
    const askedMs = performance.now()
    const { lease, epoch, token, lost } = term
    // The lock of skald.take_turns, so that nobody takes the lease meanwhile.
    const rows = await this.#parts.database.query({
      text: `WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('skald.take_turns')))
        UPDATE skald.leases SET expires = clock_timestamp() + $4 * interval '1 millisecond' FROM locked
          WHERE kind = $1 AND epoch = $2 AND token = $3 RETURNING kind`,
      values: [lease, epoch, token, leaseMs],
    })
    if (rows.length === 0 || lost.signal.aborted) return false
    term.untilMs = Math.max(term.untilMs, askedMs + leaseMs)
    return true
  }

  /** Lets others have the leases at once. @throws CatalogUnavailableError */
  async release(): Promise<void> {
    await this.#renewing?.catch(() => undefined)
    const terms = [...this.#terms.values()]
    for (const term of terms) this.noteLost(term)
    await this.#parts.database.query({
      text: 'DELETE FROM skald.leases WHERE kind = ANY ($1) AND token = ANY ($2)',
      values: [terms.map(({ lease }) => lease), terms.map(({ token }) => token)],
    })
  }
}
