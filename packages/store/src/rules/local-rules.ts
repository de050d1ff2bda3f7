// The rules of a single store: in the catalog's database, with the samples for other servers in files beside it.

import { join } from 'node:path'
import { type GroupNames, isSameGroup, type KeptGroup } from '../catalog/kept-rules.ts'
import type { SqliteRules } from '../catalog/sqlite-rules.ts'
import type { GroupState, QueueOptions, RuleStore } from './rule-store.ts'
import { WriteFiles } from './write-files.ts'
import { queueOfFiles, type WriteQueue } from './write-queue.ts'

export interface LocalRulesParts {
  readonly rules: SqliteRules
  readonly dataDir: string
  /** Makes changes of rules durable beyond this disk. Absent if nothing has to. */
  readonly keep: (() => Promise<void>) | undefined
}

/** Nobody else has the groups. */
const neverLost = new AbortController().signal

/** The rules of a store that evaluates all groups. */
export class LocalRules implements RuleStore {
  readonly takeoverMs = 0
  readonly #parts: LocalRulesParts

  constructor(parts: LocalRulesParts) {
    this.#parts = parts
  }

  async listGroups(): Promise<readonly KeptGroup[]> {
    return this.#parts.rules.listGroups()
  }

  async setGroup(group: KeptGroup): Promise<void> {
    const { rules } = this.#parts
    const { tenant, namespace, name } = group
    const before = rules.listGroups().find(other => isSameGroup(other, group))
    rules.setGroup(group)
    await this.#keepOr(() => {
      if (before) rules.setGroup(before)
      else rules.removeGroup(tenant, namespace, name)
    })
  }

  async removeGroups(groups: readonly GroupNames[]): Promise<void> {
    const { rules } = this.#parts
    const before = rules.listGroups()
    for (const { tenant, namespace, name } of groups) rules.removeGroup(tenant, namespace, name)
    await this.#keepOr(() => {
      for (const group of before) rules.setGroup(group)
    })
  }

  async open(keys: readonly string[]): Promise<ReadonlyMap<string, GroupState>> {
    const { rules } = this.#parts
    return new Map(
      keys.map((key): readonly [string, GroupState] => [
        key,
        {
          ...{ isCurrent: true, mayTell: true, lost: neverLost },
          load: async () => rules.alertsOf(key),
          save: async (evaluatedMs, changes) => rules.saveAlerts(key, evaluatedMs, changes),
          finish: async () => undefined,
        },
      ]),
    )
  }

  async forgetOthers(keys: ReadonlySet<string>): Promise<void> {
    this.#parts.rules.forgetOthers(keys)
  }

  openQueue({ name, onDrop }: QueueOptions): WriteQueue {
    const directory = join(this.#parts.dataDir, 'remote-write', name)
    return queueOfFiles(new WriteFiles({ directory, onDrop }))
  }

  async #keepOr(undo: () => void): Promise<void> {
    try {
      await this.#parts.keep?.()
    } catch (error) {
      undo()
      throw error
    }
  }
}
