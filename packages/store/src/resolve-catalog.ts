// Resolves the catalog that replicas share. Messages never contain the URL, which may have a password.

import { parseWrittenDuration } from '@skald/config-reading'
import { nsPerMs } from '@skald/go-dialect'
import type { BucketConfig } from './bucket-config.ts'
import type { CatalogConfig } from './catalog-config.ts'
import type { RawStoreConfig } from './config-schema.ts'
import { commitIntervalMsLeast, commitIntervalMsMost } from './limits.ts'

/** Returns the catalog of a configuration; `undefined` if it is on the local disk. */
export function resolveCatalog(
  { skald }: RawStoreConfig,
  bucket: BucketConfig | undefined,
  report: (block: string, key: string, message: string) => void,
): CatalogConfig | undefined {
  const { postgres_url: url, postgres_password_file: passwordFile } = skald.catalog
  const commitIntervalMs = Number(parseWrittenDuration(skald.commit_interval) / nsPerMs)
  if (commitIntervalMs < commitIntervalMsLeast || commitIntervalMs > commitIntervalMsMost)
    report('skald', 'commit_interval', 'must be from 50ms to 2s')
  if (url === '' || url === null) {
    if (passwordFile !== '')
      report('skald.catalog', 'postgres_password_file', 'postgres_url is missing beside it')
    return undefined
  }
  if (!isPostgresUrl(url)) {
    report(
      'skald.catalog',
      'postgres_url',
      'must be a URL such as postgres://user@host:5432/database',
    )
    return undefined
  }
  if (!bucket) {
    report(
      'skald.catalog',
      'postgres_url',
      'replicas share their lines in a bucket, and the file describes none: write storage_config.aws, and object_store: s3 in schema_config, see docs/scaling.md',
    )
  }
  return { postgresUrl: url, passwordFile, commitIntervalMs }
}

function isPostgresUrl(value: unknown): value is string {
  const url = typeof value === 'string' ? URL.parse(value) : null
  return (
    url !== null && ['postgres:', 'postgresql:'].includes(url.protocol) && url.pathname.length > 1
  )
}
