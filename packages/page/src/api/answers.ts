// What the store answers, as far as the page reads it.

export type Labels = Readonly<Record<string, string>>

/** A value of a log query: nanoseconds, line, and what the encoding flag `categorize-labels` adds. */
export type LineValue = readonly [
  ns: string,
  line: string,
  more?: { readonly structuredMetadata?: Labels; readonly parsed?: Labels },
]

export interface StreamsData {
  readonly resultType: 'streams'
  readonly result: readonly { readonly stream: Labels; readonly values: readonly LineValue[] }[]
  readonly stats?: QueryStats
}

export type Sample = readonly [seconds: number, value: string]

export interface MatrixData {
  readonly resultType: 'matrix' | 'vector' | 'scalar'
  readonly result: readonly {
    readonly metric: Labels
    readonly values?: readonly Sample[]
    readonly value?: Sample
  }[]
  readonly stats?: QueryStats
}

export interface QueryAnswer<Data> {
  readonly data: Data
  readonly warnings?: readonly string[]
}

export interface QueryStats {
  readonly summary?: {
    readonly execTime?: number
    readonly totalBytesProcessed?: number
    readonly totalLinesProcessed?: number
  }
  readonly skald?: Explanation
}

/** docs/api.md, "How an answer came about". */
export interface Explanation {
  readonly scans: number
  readonly scansShared: number
  readonly streams: number
  readonly segments: number
  readonly blocks: Readonly<Record<string, number>>
  readonly filters: Readonly<Record<string, number>>
  readonly bytes: Readonly<Record<string, number>>
  readonly bucket: { readonly requests: number; readonly bytes: number }
  readonly seconds: Readonly<Record<string, number>>
  readonly threads: {
    readonly count: number
    readonly scanCpuSeconds: number
    readonly busiestScanCpuSeconds: number
  }
}

export interface DetectedField {
  readonly label: string
  readonly type: string
  readonly cardinality: number
  readonly parsers: readonly string[] | null
}

export interface PatternSeries {
  readonly level?: string
  readonly pattern: string
  readonly samples: readonly (readonly [number, number])[]
}

export interface StoreStatus {
  readonly version: string
  readonly state: string
  readonly hasAgent: boolean
  readonly nowMs: number
  readonly tenant?: string
  readonly days: readonly { readonly day: string; readonly bytes: number }[]
  readonly disk: {
    readonly totalBytes: number
    readonly freeBytes: number
    readonly takenBytes: number
    readonly minFreeBytes: number
  }
  readonly room: {
    readonly bytesPerDay: number
    readonly fullInDays: number | null
    readonly oldestDay: string | null
  }
  readonly retention: {
    readonly seconds: number
    readonly maxBytes: number
    readonly streams: number
  }
  readonly compaction: {
    readonly isRunning: boolean
    readonly runs: number
    readonly segments: number
    readonly streams: number
    readonly level0Segments: number
    readonly level0Bytes: number
  }
  readonly ingest: {
    readonly slotMs: number
    readonly slots: readonly {
      readonly startMs: number
      readonly lines: number
      readonly bytes: number
    }[]
  }
  readonly clients: readonly {
    readonly address: string
    readonly userAgent: string
    readonly pushes: number
    readonly lines: number
    readonly bytes: number
    readonly lastMs: number
  }[]
}

/** Who signed in. */
export interface SignedIn {
  readonly name: string
  readonly tenants: readonly string[]
}

export interface AgentTargets {
  readonly jobs: readonly {
    readonly job: string
    readonly isReady: boolean
    readonly targets: readonly {
      readonly path: string
      readonly files: readonly { readonly path: string }[]
    }[]
    readonly sources: readonly unknown[]
  }[]
}
