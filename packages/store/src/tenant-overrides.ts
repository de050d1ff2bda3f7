// The limits of every tenant: those of the configuration, overridden by files with limits of single
// tenants. The files are read repeatedly. If one is broken, the previous limits stay in force.

import { readFile } from 'node:fs/promises'
import { formatProblem } from '@skald/config-reading'
import type { Logger } from 'pino'
import type { OverridesFiles } from './config.ts'
import { resolveLimits } from './config-limits.ts'
import type { RawLimits } from './config-schema.ts'
import { readOverridesFile } from './overrides-file.ts'
import type { TenantLimits } from './tenant-limits.ts'

export interface TenantOverridesOptions {
  readonly files: OverridesFiles
  /** Limits of all tenants, resolved and as written. */
  readonly limits: TenantLimits
  readonly rawLimits: RawLimits
  /** Whether retention periods take effect. */
  readonly mayDelete: boolean
  readonly logger: Logger
  /** Called after every read with whether the files were valid. */
  readonly onRead: (isUsable: boolean) => void
}

/** Provides each tenant's limits. */
export class TenantOverrides {
  readonly #options: TenantOverridesOptions
  #tenants: ReadonlyMap<string, TenantLimits> = new Map()
  /** Contents of the files when they were last read. */
  #texts: readonly string[] = []
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined
  #isClosed = false

  constructor(options: TenantOverridesOptions) {
    this.#options = options
  }

  /**
   * Returns the same object until the tenant's limits change, so that callers can cache what they
   * derive from it.
   */
  readonly limitsOf = (tenant: string): TenantLimits =>
    this.#tenants.get(tenant) ?? this.#options.limits

  /**
   * Reads the files and keeps reading them periodically.
   * @throws ConfigError, or the system's error, when they are invalid or unreadable now.
   */
  async start(): Promise<void> {
    const { files, onRead } = this.#options
    if (files.paths.length === 0) return
    await this.#read()
    onRead(true)
    this.#schedule()
  }

  /** Stops reading. Waits for a read in progress. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#reading
  }

  /** Reads the files again and logs errors. */
  async reload(): Promise<void> {
    const { files, logger, onRead } = this.#options
    try {
      if (await this.#read()) logger.info({ files: files.paths }, 'loaded changed overrides')
      onRead(true)
    } catch (error) {
      onRead(false)
      const why = (error as Error).message
      logger.error(
        { files: files.paths },
        `cannot load the overrides, the previous ones stay in force: ${why}`,
      )
    }
  }

  #schedule(): void {
    const { periodMs } = this.#options.files
    if (periodMs <= 0 || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#reading = this.reload().then(() => this.#schedule())
    }, periodMs)
    this.#timer.unref()
  }

  /** Returns whether anything changed. */
  async #read(): Promise<boolean> {
    const { files, limits, rawLimits, mayDelete, logger } = this.#options
    const texts: string[] = []
    for (const path of files.paths) texts.push(await readFile(path, 'utf8'))
    if (texts.every((text, i) => text === this.#texts[i])) return false
    const raw = new Map<string, Partial<RawLimits>>()
    const idle: string[] = []
    for (const [i, text] of texts.entries()) {
      const path = files.paths[i]!
      const { tenants, idleKeys } = readOverridesFile(text, path, this.#options)
      for (const [tenant, keys] of tenants) raw.set(tenant, { ...raw.get(tenant), ...keys })
      idle.push(...idleKeys.map(problem => formatProblem(path, problem)))
    }
    const tenants = new Map<string, TenantLimits>()
    for (const [tenant, keys] of raw) {
      const options = { mayDelete, report: () => undefined }
      const resolved = resolveLimits({ ...rawLimits, ...keys }, options)
      // Merges of segments detect levels for all tenants alike.
      tenants.set(tenant, { ...resolved, logLevelFields: limits.logLevelFields })
    }
    this.#tenants = tenants
    this.#texts = texts
    if (idle.length > 0) logger.warn(`without meaning here: ${idle.join(', ')}`)
    return true
  }
}
