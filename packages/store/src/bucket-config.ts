// The resolved settings of a bucket.

/** Where segments are stored beyond the local disk. */
export interface BucketConfig {
  readonly bucket: string
  /** In front of all keys. Ends with a slash. */
  readonly prefix: string
  /** If absent, the SDK finds it. */
  readonly region: string | undefined
  /** URL of a server that is not AWS. */
  readonly endpoint: string | undefined
  /** If absent, the SDK finds them: environment, files, roles of pods and machines. */
  readonly credentials: BucketCredentials | undefined
  /** Whether the bucket's name is part of the path, not of the host. */
  readonly isPathStyle: boolean
  /** Whether AWS is reached by IPv6 too. */
  readonly isDualstack: boolean
  /** If absent, the bucket decides. */
  readonly storageClass: string | undefined
  /** If absent, the bucket decides. */
  readonly encryption: BucketEncryption | undefined
  readonly http: BucketHttp
  readonly backoff: BucketBackoff
  /** Most bytes of segments on the disk that are in the bucket too; `undefined` for the default. */
  readonly cacheMaxBytes: number | undefined
  /** How long objects stay in the bucket after nothing needs them any more. */
  readonly deleteDelayMs: number
}

export interface BucketCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Encryption by the server, with its own keys or with those of a key service. */
export type BucketEncryption =
  | { readonly kind: 's3' }
  | { readonly kind: 'kms'; readonly keyId: string; readonly context: string }

export interface BucketHttp {
  /** How long to wait for an answer; 0 for the default. */
  readonly answerTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly connectionsMax: number
  /** Whether any certificate will do. */
  readonly isUnverified: boolean
  /** Files in PEM; empty if not set. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly serverName: string
}

export interface BucketBackoff {
  readonly retriesMax: number
  readonly minMs: number
  readonly maxMs: number
}
