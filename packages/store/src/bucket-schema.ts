// The schemas of the blocks that describe a bucket, in Loki's two forms. A bucket may be described in two
// blocks, where the second has only what differs, so keys have no defaults here.

import type { XStatic } from 'typebox/schema'
import { withUnfollowed } from './settings/unfollowed.ts'

/** Any value, so that no message about a mistake shows a secret. */
const secret = { description: 'A secret. It is never shown.' } as const

function word(description: string) {
  return { type: 'string', description } as const
}
function choice(description: string) {
  return { type: 'boolean', description } as const
}
function number(description: string) {
  return { type: 'integer', description, minimum: 0 } as const
}
function time(description: string) {
  return { anyOf: [{ type: 'string' }, { const: 0 }], form: 'duration', description } as const
}
function map<Properties extends object>(description: string, properties: Properties) {
  const type = ['object', 'null'] as const
  return { type, description, properties, additionalProperties: false } as const
}

const encryptionSchema = map('Encryption by the server; the bucket decides if it is not set.', {
  type: word('`SSE-S3` or `SSE-KMS`.'),
  kms_key_id: word('Key of the key service.'),
  kms_encryption_context: word('Context of the key service, as JSON.'),
})

/** `storage_config.aws` and `common.storage.s3`. */
function createAwsSchema(block: string) {
  return withUnfollowed(
    map('The bucket that lines are stored in. docs/bucket.md explains it.', {
      s3: {
        description:
          'The bucket as a URL: `s3://region/bucket`, or `s3://key:secret@host:port/bucket`. The other keys win.',
      },
      bucketnames: word('Name of the bucket. Of several, the first is used.'),
      endpoint: word('Address of a server that is not AWS, such as `minio:9000` or a URL.'),
      region: word('Region; found in the environment if it is not set.'),
      access_key_id: secret,
      secret_access_key: secret,
      session_token: secret,
      insecure: choice('Speak HTTP with the endpoint, not HTTPS.'),
      s3forcepathstyle: choice('Write the name of the bucket into the path, not the host.'),
      disable_dualstack: choice('Reach AWS by IPv4 only.'),
      signature_version: word('Only `v4`.'),
      storage_class: word('Storage class of new objects.'),
      sse: encryptionSchema,
      http_config: map('The connections.', {
        timeout: time('Longest wait for an answer if response_header_timeout is 0.'),
        response_header_timeout: time('Longest wait for an answer; 0 means a minute.'),
        idle_conn_timeout: time('How long a connection stays open without requests.'),
        insecure_skip_verify: choice('Accept any certificate.'),
        ca_file: word('File with the certificates to trust, in place of those of the system.'),
      }),
      backoff_config: map('When to repeat a failed request.', {
        min_period: time('First pause; each is twice as long as the one before.'),
        max_period: time('Longest pause.'),
        max_retries: number('How often to repeat. Uploads begin again after that.'),
      }),
    }),
    block,
  )
}

/** `storage_config.object_store.s3` and `common.storage.object_store.s3`. */
function createThanosSchema(block: string) {
  const tlsHttp = {
    idle_conn_timeout: time('How long a connection stays open without requests.'),
    response_header_timeout: time('Longest wait for an answer; 0 means a minute.'),
    insecure_skip_verify: choice('Accept any certificate.'),
    max_connections_per_host: number('Maximum number of connections; 0 means 64.'),
    tls_ca_path: word('File with the certificates to trust, in place of those of the system.'),
    tls_cert_path: word('File with the certificate of this client.'),
    tls_key_path: word('File with its key.'),
    tls_server_name: word('Name in the certificate of the server.'),
  }
  return withUnfollowed(
    map('The bucket that lines are stored in, as Loki writes it with use_thanos_objstore.', {
      bucket_name: word('Name of the bucket.'),
      endpoint: word('Address of the server, such as `s3.eu-west-1.amazonaws.com`.'),
      region: word('Region; found in the environment if it is not set.'),
      access_key_id: secret,
      secret_access_key: secret,
      session_token: secret,
      insecure: choice('Speak HTTP with the endpoint, not HTTPS.'),
      bucket_lookup_type: word(
        '`path` writes the name of the bucket into the path, `virtual-hosted` into the host.',
      ),
      dualstack_enabled: choice('Reach AWS by IPv6 too.'),
      storage_class: word('Storage class of new objects.'),
      max_retries: number('How often to repeat a failed request.'),
      sts_endpoint: word('Not supported.'),
      sse: encryptionSchema,
      http: withUnfollowed(map('The connections.', tlsHttp), `${block}.http`),
    }),
    block,
  )
}

/** Description of the buckets in `storage_config`. */
export const bucketSchemas = {
  'common.storage.s3': createAwsSchema('common.storage.s3'),
  'storage_config.aws': createAwsSchema('storage_config.aws'),
  'common.storage.object_store.s3': createThanosSchema('common.storage.object_store.s3'),
  'storage_config.object_store.s3': createThanosSchema('storage_config.object_store.s3'),
} as const

/** A block of the Thanos client. */
export function createObjectStoreSchema(block: 'common.storage' | 'storage_config') {
  const path = `${block}.object_store`
  return withUnfollowed(
    map('The bucket as Loki writes it with use_thanos_objstore.', {
      s3: bucketSchemas[`${block}.object_store.s3`],
      storage_prefix: word('Prefix of all keys in the bucket.'),
    }),
    path,
  )
}

/** A bucket as written in `storage_config.aws`. */
export type RawAwsBucket = NonNullable<XStatic<ReturnType<typeof createAwsSchema>>>
/** A bucket as written in `storage_config.object_store.s3`. */
export type RawThanosBucket = NonNullable<XStatic<ReturnType<typeof createThanosSchema>>>
/** A block of the Thanos client as written. */
export interface RawObjectStore {
  readonly s3?: RawThanosBucket | null
  readonly storage_prefix?: string
}
