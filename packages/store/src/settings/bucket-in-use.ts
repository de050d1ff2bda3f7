// Finds out whether a configuration of Loki's stores its lines in a bucket, and which of its blocks
// describe that bucket.

import { isEmpty, type RefusedKey, valueAt, type WrittenFile } from './setting.ts'

/** How a bucket is described: Loki's own keys, or those of the Thanos client. */
export type BucketForm = 'aws' | 'thanos'

/** The blocks of each form. Keys of later blocks win. */
export const bucketBlocks: Readonly<Record<BucketForm, readonly string[]>> = {
  aws: ['common.storage.s3', 'storage_config.aws'],
  thanos: ['common.storage.object_store.s3', 'storage_config.object_store.s3'],
}

/** Names of the storage in `schema_config` that mean a bucket. */
export const bucketStores = ['s3', 'aws']

/** Returns the form of the bucket that new lines go to, or `undefined` if they stay on the local disk. */
export function bucketFormOf(file: WrittenFile): BucketForm | undefined {
  const isDescribed = (form: BucketForm) =>
    bucketBlocks[form].some(block => !isEmpty(valueAt(file, block)))
  const periods = valueAt(file, 'schema_config.configs')
  const store = valueAt(Array.isArray(periods) ? periods.at(-1) : undefined, 'object_store')
  const isNamed = typeof store === 'string' && store !== ''
  if (isNamed && !bucketStores.includes(store)) return undefined
  const prefersThanos = valueAt(file, 'storage_config.use_thanos_objstore') === true
  if (isDescribed('thanos') && (prefersThanos || !isDescribed('aws'))) return 'thanos'
  return isDescribed('aws') || isNamed ? 'aws' : undefined
}

/** Followed blocks that have no effect if they do not describe the bucket in use. */
export const bucketKeys: readonly RefusedKey[] = (['aws', 'thanos'] as const).flatMap(form =>
  bucketBlocks[form].map(
    (key): RefusedKey => ({
      key,
      unless: '',
      why: '',
      judge: (value, file) =>
        isEmpty(value) || bucketFormOf(file) === form ? undefined : { kind: 'idle' },
    }),
  ),
)

/** Keys of a bucket that Skald does not follow. */
export const bucketDetails: readonly RefusedKey[] = [
  ...bucketBlocks.aws.map(
    (block): RefusedKey => ({
      key: `${block}.signature_version`,
      unless: 'it is `v4`',
      why: 'Requests are signed with version 4; write v4, or remove this key.',
      judge: value =>
        isEmpty(value) || value === 'v4'
          ? undefined
          : {
              kind: 'error',
              message: 'requests are signed with version 4; write v4, or remove this key',
            },
    }),
  ),
  ...bucketBlocks.thanos.map(
    (block): RefusedKey => ({
      key: `${block}.sts_endpoint`,
      unless: 'it is empty',
      why: 'Roles would be asked for at another address; set the environment variable AWS_ENDPOINT_URL_STS, and remove this key.',
      judge: value =>
        isEmpty(value)
          ? undefined
          : {
              kind: 'error',
              message:
                'roles would be asked for at another address; set the environment variable AWS_ENDPOINT_URL_STS, and remove this key',
            },
    }),
  ),
]
