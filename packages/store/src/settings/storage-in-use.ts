// Checks where a configuration of Loki's stores its lines. Skald keeps them in local files, and in a bucket
// if one is described. Another storage is an error if it is in use, and has no meaning if it is a block that
// nothing refers to.

import { nearestName } from '@skald/config-reading'
import { bucketDetails, bucketFormOf, bucketStores } from './bucket-in-use.ts'
import { isEmpty, type RefusedKey, type Verdict, valueAt, type WrittenFile } from './setting.ts'

const localStores = ['', 'filesystem', 'inmemory']

/** Loki's index types that are stored with the lines. */
const shippedIndexes = ['', 'boltdb', 'boltdb-shipper', 'tsdb', 'inmemory']

/** Blocks of `storage_config` and `common.storage` that describe a remote storage. */
const remoteBlocks = [
  ...['alibabacloud', 'aws', 'azure', 'bigtable', 'bos', 'cassandra', 'cos', 'gcs', 'grpc_store'],
  ...['s3', 'swift'],
]

/** Kinds of storage in a block of the Thanos client, apart from `s3`. */
const thanosBlocks = ['alibaba', 'azure', 'bos', 'filesystem', 'gcs', 'named_stores', 'swift']

const way =
  'use a bucket that speaks S3 (docs/bucket.md), or keep the lines in local files: set common.path_prefix to a directory on a persistent disk, and write'

/** Returns what to do about an index or delete requests in another storage than the lines. */
const wayOfParts = 'keep the lines in local files: write'

/** Keys that say where lines, indexes and delete requests are stored. */
export const storageKeys: readonly RefusedKey[] = [
  ...['schema_config.configs[].object_store', 'schema_config.configs[].store'].map(
    (key): RefusedKey => ({
      key,
      unless: key.endsWith('.store')
        ? 'it is `tsdb`, `boltdb-shipper` or `boltdb`, or a later period follows'
        : 'it is `filesystem`, `s3` or `aws`, or a later period follows',
      why: `the lines would be on the local disk, not in that storage; ${way} ${key.endsWith('.store') ? 'store: tsdb' : 'object_store: filesystem'}.`,
      judge: (value, file, at) =>
        isInLastPeriod(at, file) ? judgeName(key, value, file) : { kind: 'idle' },
    }),
  ),
  ...[
    'compactor.delete_request_store',
    'compactor.shared_store',
    'storage_config.boltdb_shipper.shared_store',
    'storage_config.tsdb_shipper.shared_store',
  ].map(
    (key): RefusedKey => ({
      key,
      unless: 'it is `filesystem`, or `s3` with a bucket',
      why: `${whatOf(key)} would be on the local disk, not in that storage; ${wayOfParts} filesystem here.`,
      judge: (value, file) => judgeName(key, value, file),
    }),
  ),
  ...['common.storage', 'storage_config'].flatMap(block =>
    [
      ...remoteBlocks.filter(name => !isBucketBlock(`${block}.${name}`)),
      'named_stores',
      ...thanosBlocks.map(name => `object_store.${name}`),
    ].map(
      (name): RefusedKey => ({
        key: `${block}.${name}`,
        unless:
          'the last period of schema_config says `object_store: filesystem`, or `s3` with a bucket',
        why: `the lines would be on the local disk, not in that storage; ${way} object_store: filesystem in schema_config, or remove this block.`,
        judge: (value, file) => judgeBlock(`${block}.${name}`, value, file),
      }),
    ),
  ),
  ...bucketDetails,
]

/** Returns true for the blocks that describe a bucket and are followed. */
function isBucketBlock(path: string): boolean {
  return path === 'common.storage.s3' || path === 'storage_config.aws'
}

function judgeName(key: string, value: unknown, file: WrittenFile): Verdict {
  const name = String(value ?? '')
  const isIndex = key.endsWith('[].store')
  if (isIndex ? shippedIndexes.includes(name) : isLocalStore(name, file)) return undefined
  const isOfLines = key.startsWith('schema_config.')
  // Without a description of the bucket, the configuration reports what is missing.
  if (!isIndex && bucketStores.includes(name) && (isOfLines || bucketFormOf(file))) return undefined
  const names = isIndex ? shippedIndexes : [...localStores, ...bucketStores]
  // All short names are near `s3`.
  const meant = names.includes(name) || name.length < 4 ? undefined : nearestName(name, names)
  if (meant) return { kind: 'error', message: `unknown storage: did you mean ${meant}?` }
  const written = isIndex ? 'store: tsdb' : `${key.split('.').at(-1)}: filesystem`
  return {
    kind: 'error',
    message: `${whatOf(key)} would be on the local disk, not in ${name}; ${isOfLines && !isIndex ? way : wayOfParts} ${written}`,
  }
}

/** Returns what the storage of a key holds. */
function whatOf(key: string): string {
  if (key.startsWith('schema_config.')) return 'the lines'
  return key.endsWith('.delete_request_store') ? 'delete requests' : 'the index'
}

function judgeBlock(key: string, value: unknown, file: WrittenFile): Verdict {
  if (isEmpty(value) || !namesRemote(key, value)) return undefined
  if (usesLocalStore(file) || usesBucket(file)) return { kind: 'idle' }
  return {
    kind: 'error',
    message: `the lines would be on the local disk, not in that storage; ${way} object_store: filesystem in schema_config, or remove this block`,
  }
}

/** Returns true if a block names more than directories of this machine. */
function namesRemote(key: string, value: unknown): boolean {
  const name = key.split('.').at(-1)
  if (name === 'filesystem') return false
  if (name !== 'named_stores') return true
  const inner = { ...(value as WrittenFile) }
  delete inner.filesystem
  return !isEmpty(inner)
}

function isLocalStore(name: string, file: WrittenFile): boolean {
  if (localStores.includes(name)) return true
  return ['storage_config.named_stores', 'storage_config.object_store.named_stores'].some(path => {
    const named = valueAt(file, `${path}.filesystem`)
    return typeof named === 'object' && named !== null && Object.hasOwn(named, name)
  })
}

function periodsOf(file: WrittenFile): readonly unknown[] {
  const periods = valueAt(file, 'schema_config.configs')
  return Array.isArray(periods) ? periods : []
}

/** Returns true if a path leads into the last item of `schema_config.configs`. */
function isInLastPeriod(at: readonly string[], file: WrittenFile): boolean {
  return Number(at[2]) === periodsOf(file).length - 1
}

/** Returns true if the file says that new lines are stored in a bucket that it describes. */
function usesBucket(file: WrittenFile): boolean {
  const store = valueAt(periodsOf(file).at(-1), 'object_store')
  return (
    typeof store === 'string' && bucketStores.includes(store) && bucketFormOf(file) !== undefined
  )
}

/** Returns true if the file says that new lines are stored in local files. */
function usesLocalStore(file: WrittenFile): boolean {
  const store = valueAt(periodsOf(file).at(-1), 'object_store')
  return typeof store === 'string' && store !== '' && isLocalStore(store, file)
}
