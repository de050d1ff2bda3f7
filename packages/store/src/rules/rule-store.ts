// What a ruler needs of the place that holds its rules and the states of their groups: the catalog of a single store, or
// the database of replicas.

import type { GroupNames, KeptAlert, KeptAlerts, KeptGroup } from '../catalog/kept-rules.ts'
import type { GroupReport, StoredGroup } from './group-status.ts'
import type { WriteQueue } from './write-queue.ts'
import type { SamplesOfTenant } from './write-request.ts'

/** The stored state of a group that this process evaluates. */
export interface GroupState {
  /** False once the process has to leave the group to another one. */
  readonly isCurrent: boolean
  /** Whether the process may tell others about alerts: false once another one may do so. */
  readonly mayTell: boolean
  /** Aborted when another process has the group. */
  readonly lost: AbortSignal
  /** Returns what was stored of the alerts. @throws CatalogUnavailableError */
  load(): Promise<KeptAlerts | undefined>
  /**
   * Stores the time of an evaluation, and what has become of alerts, in one transaction.
   * @throws StorageUnavailableError, CatalogUnavailableError: then nobody knows whether it is stored;
   * ChangeRefusedError if another process has the group.
   */
  save(evaluatedMs: number, changes: readonly KeptAlert[]): Promise<void>
  /**
   * Adds samples for a server, which are stored with the end of the evaluation. Absent if the queue of the server takes
   * them at once.
   */
  readonly addSamples?: (queue: string, sample: SamplesOfTenant) => void
  /** Stores how the evaluation went. @throws as `save`. */
  finish(report: GroupReport): Promise<void>
}

export interface QueueOptions {
  /** Names the queue; fit for a path. */
  readonly name: string
  /** Called with the number of samples that were dropped because too many wait. */
  readonly onDrop: (samples: number) => void
}

/** Rules made by API, and the states of all groups. */
export interface RuleStore {
  /** How long other processes may take to go on with the groups of one that was killed. 0 if there are none. */
  readonly takeoverMs: number
  /** Returns the groups of all tenants, in the order in which they were made. */
  listGroups(): Promise<readonly KeptGroup[]>
  /** Adds a group, or replaces the one with its names. Durable when it resolves. @throws StorageUnavailableError */
  setGroup(group: KeptGroup): Promise<void>
  /** Removes groups. Durable when it resolves. @throws StorageUnavailableError */
  removeGroups(groups: readonly GroupNames[]): Promise<void>
  /**
   * Opens the states of those groups that this process has to evaluate.
   * @param keys As groupKey has them.
   * @throws CatalogUnavailableError
   */
  open(keys: readonly string[]): Promise<ReadonlyMap<string, GroupState>>
  /** Forgets the states of all groups but these, as far as they are this process's. @throws as `GroupState.save`. */
  forgetOthers(keys: ReadonlySet<string>): Promise<void>
  /** Opens the samples that wait for a server. */
  openQueue(options: QueueOptions): WriteQueue
  /** Present if other processes evaluate groups too. */
  readonly shared?: SharedRuleWork
}

/** What the ruler learns of other processes. */
export interface RuleListener {
  /** Rules may have been changed by API, at this process or another one. Must not reject. */
  readonly onRules: () => Promise<void>
  /**
   * Called again and again: `hasChanged` if groups have become this process's work, or another one's. Resolves once groups
   * that are another one's have stopped. Must not reject.
   */
  readonly onTurns: (hasChanged: boolean) => Promise<void>
  /** Samples may wait that another process has made. */
  readonly onSamples: () => void
}

/** Work that several processes share. */
export interface SharedRuleWork {
  /** Takes part, until it is closed. Resolves after the first try to get work. */
  start(listener: RuleListener): Promise<void>
  /** Reads how groups did. Those that nobody has evaluated yet are missing. @throws CatalogUnavailableError */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, StoredGroup>>
  /** Leaves the work to others. All groups have stopped. */
  close(): Promise<void>
}
