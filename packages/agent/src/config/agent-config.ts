// The configuration as plain values: everything that the other rooms are given of it.

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
  /** Own key: a file that several jobs reach is read by the first of them only. */
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
}

export interface FileWatchConfig {
  readonly minPollMs: number
  readonly maxPollMs: number
}

/** Where batches wait that a server does not take. */
export interface WalConfig {
  readonly isEnabled: boolean
  /** Empty for a directory beside the positions file. */
  readonly dir: string
  /** Own key `max_size`: most bytes for each client. */
  readonly bytesMax: number
}

/** Directory of the batches that wait, one below it for each client. */
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
  /** What was left out of it for a mistake, each as `file:line:column: message`. */
  readonly leftOut: readonly string[]
  /** What is perhaps not meant as it is written, in the same form. */
  readonly doubts: readonly string[]
  /** The text it was read from, environment expanded. */
  readonly text: string
}
