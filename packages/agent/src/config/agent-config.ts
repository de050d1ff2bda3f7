// The configuration as plain values, which the other rooms receive.

import { dirname, join } from 'node:path'
import type { ClientConfig } from './clients.ts'
import type { ScrapeConfig } from './scrape.ts'
import type { ServerConfig } from './server.ts'

export interface PositionsConfig {
  readonly filename: string
  readonly syncPeriodMs: number
  readonly ignoresInvalidYaml: boolean
}

export interface TargetConfig {
  readonly syncPeriodMs: number
  /** Skald's own key: a file that matches several jobs is read by the first of them only. */
  readonly readsFilesOnce: boolean
}

export interface LimitsConfig {
  readonly isLineRateLimited: boolean
  readonly linesPerSecond: number
  readonly lineBurst: number
  readonly dropsOverRate: boolean
  readonly streamsMax: number
  readonly lineBytesMax: number
  readonly truncatesLines: boolean
  /** Skald's own key: pushes a marker into each stream that lines are missing from. */
  readonly marksGaps: boolean
}

export interface FileWatchConfig {
  readonly minPollMs: number
  readonly maxPollMs: number
}

/** Where batches wait while a server does not accept them. */
export interface WalConfig {
  readonly isEnabled: boolean
  /** Empty for a directory next to the positions file. */
  readonly dir: string
  /** Skald's own key `max_size`: most bytes for each client. */
  readonly bytesMax: number
}

/** Returns the directory of the waiting batches. It has one subdirectory for each client. */
export function walDirectory({ wal, positions }: Pick<AgentConfig, 'wal' | 'positions'>): string {
  return wal.dir === '' ? join(dirname(positions.filename), 'wal') : wal.dir
}

/** A checked configuration with every default filled in. */
export interface AgentConfig {
  readonly server: ServerConfig
  readonly clients: readonly ClientConfig[]
  readonly positions: PositionsConfig
  readonly target: TargetConfig
  readonly limits: LimitsConfig
  readonly fileWatch: FileWatchConfig
  readonly wal: WalConfig
  readonly scrapeConfigs: readonly ScrapeConfig[]
  /** Parts left out because of a mistake, each as `file:line:column: message`. */
  readonly leftOut: readonly string[]
  /** Settings that are probably not intended, in the same form. */
  readonly doubts: readonly string[]
  /** The text it was read from, with the environment expanded. */
  readonly text: string
}
