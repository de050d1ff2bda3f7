// How often to check a file: often while it changes, rarely while it is idle, and how rarely depends on
// whether the watch of its directory reports its changes.

import {
  aliasPollMs,
  busyPollMs,
  deafPollMsMax,
  distrustMs,
  idlePollMsMax,
  watchedPollMsMax,
} from '../limits.ts'
import { PollQueue, type Queued } from './poll-queue.ts'

/** When a file was checked, and what is known about its watch. */
export interface PollState extends Queued {
  pollEveryMs: number
  /** When the watch last reported a change. */
  hintedMs: number
  /** When a check last found something new. */
  changedMs: number
  /** True if the last check found nothing new. A file that was just found takes several checks to open. */
  isQuiet: boolean
  /** True if the last check found a change that the watch had not reported yet. */
  isSuspected: boolean
  /** True if the watch misses changes of this file, as on network file systems. */
  isDeaf: boolean
}

/** Decides when each file is checked. */
export class PollPace<State extends PollState> {
  readonly #minPollMs: number
  readonly #maxPollMs: number
  readonly #queue: PollQueue<State>
  #distrustUntilMs = 0

  constructor(options: {
    readonly minPollMs: number
    readonly maxPollMs: number
    readonly nowMs: number
  }) {
    this.#minPollMs = options.minPollMs
    this.#maxPollMs = options.maxPollMs
    this.#queue = new PollQueue({ stepMs: options.minPollMs, nowMs: options.nowMs })
  }

  /** The state of a file that is found now. It is due when it is scheduled. */
  newState(nowMs: number): PollState {
    return {
      ...{ dueStep: Number.NaN, pollEveryMs: this.#minPollMs, hintedMs: nowMs },
      changedMs: Number.NEGATIVE_INFINITY,
      ...{ isQuiet: false, isSuspected: false, isDeaf: false },
    }
  }

  /** Takes the files that are due. */
  takeDue(nowMs: number): State[] {
    return this.#queue.takeDue(nowMs)
  }

  /** Forgets a file. */
  remove(state: State): void {
    this.#queue.remove(state)
  }

  /** Notes that a change was reported. Returns true if the file is to be checked now. */
  hinted(state: State, nowMs: number): boolean {
    state.hintedMs = nowMs
    return nowMs - state.changedMs >= busyPollMs
  }

  /** Makes a file due soon, although it was checked not long ago. */
  hasten(state: State, nowMs: number): void {
    state.pollEveryMs = this.#minPollMs
    this.#queue.schedule(state, nowMs)
  }

  /**
   * Schedules the next check after one that has found a change or not. `reportsAll` says whether the watch
   * reports every change of the file.
   */
  checked(
    state: State,
    result: {
      readonly nowMs: number
      readonly hasChanged: boolean
      readonly isAlias: boolean
      readonly reportsAll: () => boolean
    },
  ): void {
    const { nowMs, hasChanged, isAlias } = result
    this.#judgeWatch(state, nowMs, hasChanged)
    if (hasChanged) state.changedMs = nowMs
    if (isAlias) state.pollEveryMs = Math.max(this.#maxPollMs, aliasPollMs)
    else if (hasChanged) state.pollEveryMs = this.#minPollMs
    else {
      const most = Math.max(this.#maxPollMs, this.#idlePollMs(state, nowMs, result.reportsAll))
      state.pollEveryMs = Math.min(state.pollEveryMs * 2, most)
    }
    this.#queue.schedule(state, nowMs + state.pollEveryMs)
  }

  #idlePollMs(state: State, nowMs: number, reportsAll: () => boolean): number {
    if (state.isDeaf) return deafPollMsMax
    // The answer matters only beyond the usual time.
    const isLong = state.pollEveryMs * 2 > idlePollMsMax
    return isLong && nowMs >= this.#distrustUntilMs && reportsAll()
      ? watchedPollMsMax
      : idlePollMsMax
  }

  /** Finds out whether the watch misses changes: it has until the next check to report what this one found. */
  #judgeWatch(state: State, nowMs: number, hasChanged: boolean): void {
    const isSilent = nowMs - state.hintedMs > state.pollEveryMs + this.#minPollMs
    if (isSilent && state.isSuspected && !state.isDeaf) {
      state.isDeaf = true
      this.#distrustUntilMs = nowMs + distrustMs
    }
    state.isSuspected = isSilent && hasChanged && state.isQuiet
    state.isQuiet = !hasChanged
  }
}
