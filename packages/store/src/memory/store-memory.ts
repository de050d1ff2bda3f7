// The memory of a store: what its parts may take, and what keeps queries within it.

import { garbageBytesLeast } from '../limits.ts'
import { AnswerHold } from './answer-hold.ts'
import { GarbageCollector } from './collect-garbage.ts'
import { createLedger, type LedgerData, MemoryLedger } from './ledger.ts'
import { type MemoryPlan, planMemory } from './memory-plan.ts'
import { MemoryReader } from './pressure.ts'
import { QueryGate } from './query-gate.ts'

/** What can give memory back while it is short. */
export interface Replaceable {
  /** Ends what is idle and has grown by this many bytes. */
  replaceLarge(leastBytes: number): Promise<void>
}

export interface StoreMemoryOptions {
  /** `max_memory` in bytes. */
  readonly maxBytes: number
  /** Called for each leaf or answer that gets no memory. */
  readonly onRefused: () => void
  /** Returns the scan threads, once they exist. */
  readonly threads: () => Replaceable
}

/** The parts that keep a store within `max_memory`. */
export class StoreMemory {
  readonly plan: MemoryPlan
  /** For scan threads. */
  readonly ledger: LedgerData
  readonly gate: QueryGate
  readonly #memory: MemoryReader
  readonly #onRefused: () => void

  constructor({ maxBytes, onRefused, threads }: StoreMemoryOptions) {
    this.plan = planMemory(maxBytes)
    this.ledger = createLedger(this.plan.queryBytes, maxBytes)
    this.#onRefused = onRefused
    this.#memory = new MemoryReader({ maxBytes })
    const garbage = new GarbageCollector()
    this.gate = new QueryGate({
      ledger: this.ledger,
      queryBytes: this.plan.queryBytes,
      memory: this.#memory,
      onRefused,
      relieve: async () => {
        await threads().replaceLarge(garbageBytesLeast)
        garbage.collect()
      },
    })
  }

  /** True while the process takes so much memory that queries run one by one. */
  get isShort(): boolean {
    return this.#memory.pressure !== 'none'
  }

  /** Creates the hold of one answer. */
  hold(): AnswerHold {
    return new AnswerHold(new MemoryLedger(this.ledger), this.#onRefused)
  }
}

/** Keeps queries within `maxBytes`. `undefined` if that is 0, which means no limit. */
export function openMemory(options: StoreMemoryOptions): StoreMemory | undefined {
  return options.maxBytes === 0 ? undefined : new StoreMemory(options)
}
