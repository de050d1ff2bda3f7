// The resolved settings of a catalog that several replicas share.

/** Where the catalog is, and how commits enter it. */
export interface CatalogConfig {
  /** URL of the PostgreSQL database. May have a password. */
  readonly postgresUrl: string
  /** File with the password; empty if the URL has it, or none is needed. */
  readonly passwordFile: string
  /** Least time between the starts of two commits. */
  readonly commitIntervalMs: number
}
