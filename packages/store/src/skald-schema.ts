// The schema of the block `skald`: keys that Loki does not have.

import type { XStatic } from 'typebox/schema'
import { block, duration, flag, optionalBytes, text } from './schema-forms.ts'

/** Any value, so that no message about a mistake shows a secret. */
const postgresUrl = {
  description:
    'URL of a PostgreSQL database that holds the catalog, such as `postgres://skald@db:5432/skald?sslmode=verify-full`. With it, several equal stores share one bucket: docs/scaling.md. A secret. It is never shown.',
  default: '',
} as const

/** Where the catalog is that several equal stores share. */
export const catalogSchema = {
  ...block({
    postgres_url: postgresUrl,
    postgres_password_file: text(
      'File with the password for postgres_url. It is read for each new connection.',
      '',
    ),
  }),
  description: 'The catalog that several equal stores share.',
} as const

/** The whole block. */
export const skaldSchema = block({
  cache_max_bytes: optionalBytes(
    'With a bucket: maximum size of the segments on the local disk that are in the bucket too. Defaults to 10GB, and at most 80 % of the file system.',
  ),
  commit_interval: duration(
    'With catalog: how long to collect pushes for one upload, from 50ms to 2s. They are acknowledged after it.',
    '250ms',
  ),
  catalog: catalogSchema,
})

/** The block `page`, which Loki does not have either. */
export const pageSchema = block({
  enabled: flag(
    'Serve the page for people at `/`: docs/page.md. If false, a list of links is there.',
    true,
  ),
})

/** The block with its defaults filled in. */
export type RawSkald = Omit<Required<XStatic<typeof skaldSchema>>, 'catalog'> & {
  readonly catalog: Required<XStatic<typeof catalogSchema>>
}
