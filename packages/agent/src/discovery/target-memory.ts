// Remembers the targets of the last run in a file next to the positions file. A target that discovery no
// longer knows at startup may have disappeared while the agent was down, with its files still there, like a
// pod's for a moment. The agent reads those files to their end with their earlier labels.
//
// One JSON object: {"jobs": {name: {"identity": hash, "targets": [{path, pathExclude, labels, goneMs}]}}}

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { partByFilename, type RelabelRule } from '@skald/config-reading/relabel'
import type { Logger } from 'pino'
import { writeWhole } from '../files/whole-file.ts'
import { goneTargetMsMax, goneTargetsMax, targetMemoryWriteAfterMs } from '../limits.ts'
import type { FileTarget } from '../targets/file-target.ts'

interface Remembered {
  readonly path: string
  readonly pathExclude?: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** Labels from before the rules that use file names. Absent without such rules. */
  readonly perFile?: Readonly<Record<string, string>> | undefined
  /** When discovery lost the target. Absent while discovery has it. */
  readonly goneMs?: number | undefined
}

interface RememberedJob {
  readonly identity: string
  targets: readonly Remembered[]
}

/** The memory of one job. */
export interface JobMemory {
  /** Remembered targets, including gone ones. */
  readonly targets: readonly FileTarget[]
  /** Takes the targets that discovery has now. */
  keep(targets: readonly FileTarget[]): void
}

/** Remembers targets across restarts. */
export class TargetMemory {
  readonly #options: {
    readonly path: string
    readonly logger: Logger
    readonly wallMs: () => number
  }
  /** Targets of the last run. */
  readonly #last = new Map<string, RememberedJob>()
  readonly #jobs = new Map<string, RememberedJob>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: {
    readonly path: string
    readonly logger: Logger
    readonly wallMs: () => number
  }) {
    this.#options = options
    this.#load()
  }

  #load(): void {
    const { path, logger } = this.#options
    try {
      const { jobs } = JSON.parse(readFileSync(path, 'utf8'))
      for (const [name, { identity, targets }] of Object.entries<{
        identity: string
        targets: Remembered[]
      }>(jobs)) {
        for (const { path: of, labels } of targets) {
          if (typeof of !== 'string' || typeof labels !== 'object') throw new Error('no target')
        }
        this.#last.set(name, { identity, targets })
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      this.#last.clear()
      const fields = { path, error: (error as Error).message }
      logger.warn(fields, 'Cannot read the targets of the last run')
    }
  }

  /** Returns the memory of a job. Forgets a job whose settings have changed. */
  open({
    jobName,
    identity: text,
    relabelRules,
  }: {
    readonly jobName: string
    readonly identity: string
    readonly relabelRules: readonly RelabelRule[]
  }): JobMemory {
    const rules = partByFilename(relabelRules).ofFile
    const identity = createHash('sha256').update(text).digest('hex')
    const known = this.#jobs.get(jobName) ?? this.#last.get(jobName)
    const job = known?.identity === identity ? known : { identity, targets: [] }
    this.#jobs.set(jobName, job)
    const earliestMs = this.#options.wallMs() - goneTargetMsMax
    return {
      targets: job.targets
        .filter(({ goneMs = Number.POSITIVE_INFINITY }) => goneMs > earliestMs)
        .map(({ path, pathExclude, labels, perFile }) => ({
          ...{ path, pathExclude, labels: new Map(Object.entries(labels)) },
          ...(perFile && { perFile: { rules, labels: new Map(Object.entries(perFile)) } }),
        })),
      keep: targets => this.#keep(jobName, identity, targets),
    }
  }

  #keep(jobName: string, identity: string, targets: readonly FileTarget[]): void {
    const job = this.#jobs.get(jobName)
    if (job?.identity !== identity) return
    const nowMs = this.#options.wallMs()
    const now = new Map(targets.map(target => [target.path, remember(target)]))
    const gone = job.targets
      .filter(({ path }) => !now.has(path))
      .map(target => ({ ...target, goneMs: target.goneMs ?? nowMs }))
      .filter(({ goneMs }) => goneMs > nowMs - goneTargetMsMax)
      .sort((a, b) => b.goneMs - a.goneMs)
      .slice(0, goneTargetsMax)
    job.targets = [...now.values(), ...gone]
    this.#timer ??= setTimeout(() => this.#write(), targetMemoryWriteAfterMs)
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { path, logger } = this.#options
    try {
      writeWhole(path, JSON.stringify({ jobs: Object.fromEntries(this.#jobs) }))
    } catch (error) {
      // The file matters only for targets that disappear while the agent is down.
      logger.warn({ path, error: (error as Error).message }, 'Cannot save targets for the next run')
    }
  }

  /** Writes pending changes. */
  close(): void {
    if (this.#timer) this.#write()
  }
}

function remember({ path, pathExclude, labels, perFile }: FileTarget): Remembered {
  const ofFiles = perFile && { perFile: Object.fromEntries(perFile.labels) }
  return { path, pathExclude, labels: Object.fromEntries(labels), ...ofFiles }
}
