// A remote storage is refused if lines would be stored in it, and listed if nothing refers to it.

import { test } from 'tap'
import { parse } from 'yaml'
import { judgeSettings } from '../../src/settings/judge.ts'

/** Returns the findings in a file as `kind path`. */
const found = (text: string) =>
  judgeSettings(parse(text)).map(({ kind, keys }) => `${kind} ${keys.join('.')}`)

const periods = (...stores: readonly string[]) =>
  `schema_config: {configs: [${stores.map(store => `{object_store: ${store}}`).join(', ')}]}\n`

test('the last period decides where new lines are stored', async t => {
  t.same(found(periods('filesystem')), ['idle schema_config'])
  t.same(found(periods('s3', 'filesystem')), ['idle schema_config'])
  t.same(found(periods('filesystem', 's3')), ['idle schema_config'], 'a bucket')
  t.same(found(periods('gcs', 'azure')), [
    'idle schema_config',
    'error schema_config.configs.1.object_store',
  ])
})

test('a block of a remote storage is an error unless the file says that lines are local', async t => {
  for (const block of ['common: {storage: ', 'storage_config: {x: ']) {
    const other = block.startsWith('common') ? 'aws' : 's3'
    for (const name of ['alibabacloud', 'azure', 'bos', 'cos', 'gcs', 'swift', other]) {
      const text = block.startsWith('common')
        ? `common: {storage: {${name}: {bucket: b}}}`
        : `storage_config: {${name}: {bucket: b}}`
      const path = `${block.startsWith('common') ? 'common.storage' : 'storage_config'}.${name}`
      t.same(found(text), [`error ${path}`])
      t.same(found(`${periods('filesystem')}${text}`), ['idle schema_config', `idle ${path}`])
      t.same(found(text.replace('{bucket: b}', '{bucket: "", endpoint: }')), [])
      const bucket = 'common: {storage: {s3: {bucketnames: b}}}\n'
      if (!block.startsWith('common'))
        t.same(found(`${periods('s3')}${bucket}${text}`), ['idle schema_config', `idle ${path}`])
    }
  }
  t.same(found('storage_config: {cassandra: {addresses: h}}'), ['error storage_config.cassandra'])
  t.same(found('storage_config: {bigtable: {project: h}}'), ['error storage_config.bigtable'])
  t.same(found('storage_config: {grpc_store: {server_address: h}}'), [
    'error storage_config.grpc_store',
  ])
})

test('named stores and object stores are local if they only hold directories', async t => {
  const named = 'storage_config: {named_stores: {filesystem: {disk: {directory: /d}}}}\n'
  t.same(found(named), [])
  t.same(found(`${named}${periods('disk')}`), ['idle schema_config'])
  t.same(found('storage_config: {named_stores: {aws: {a: {bucketnames: b}}}}'), [
    'error storage_config.named_stores',
  ])
  t.same(found('common: {storage: {object_store: {filesystem: {dir: /d}, storage_prefix: x}}}'), [])
  t.same(found('common: {storage: {object_store: {gcs: {bucket_name: b}}}}'), [
    'error common.storage.object_store.gcs',
  ])
  const inObjectStore = (kind: string) =>
    `storage_config: {object_store: {named_stores: {${kind}: {disk: {dir: /d}}}}}\n`
  t.same(found(`${inObjectStore('filesystem')}${periods('disk')}`), ['idle schema_config'])
  t.same(found(inObjectStore('s3')), ['error storage_config.object_store.named_stores'])
})

test('an unknown storage is reported with the name that was probably meant', async t => {
  const [, finding] = judgeSettings(parse(periods('filesytem')))
  t.equal(finding?.message, 'unknown storage: did you mean filesystem?')
  const [, index] = judgeSettings(parse('schema_config: {configs: [{store: tsbd-shipper}]}'))
  t.match(index?.message, /not in tsbd-shipper; /)
})

test('a description of a bucket that is not in use has no effect, and is listed', async t => {
  const aws = 'storage_config: {aws: {bucketnames: b}}\n'
  const thanos = 'storage_config: {object_store: {s3: {bucket_name: b}}}\n'
  t.same(found(aws), [])
  t.same(found(`${periods('s3')}${aws}`), ['idle schema_config'])
  t.same(found(`${periods('filesystem')}${aws}`), ['idle schema_config', 'idle storage_config.aws'])
  t.same(found(thanos), [])
  t.same(found(`${periods('filesystem')}${thanos}`), [
    'idle schema_config',
    'idle storage_config.object_store.s3',
  ])
  const both =
    'storage_config: {aws: {bucketnames: b}, object_store: {s3: {bucket_name: b}}, use_thanos_objstore: X}'
  t.same(found(both.replace('X', 'true')), ['idle storage_config.aws'])
  t.same(found(both.replace('X', 'false')), ['idle storage_config.object_store.s3'])
})

test('delete requests and the index are where the lines are', async t => {
  const store = 'compactor: {delete_request_store: s3}\n'
  t.same(found(store), ['error compactor.delete_request_store'])
  t.same(found(`${store}${periods('s3')}storage_config: {aws: {s3: "s3://r/b"}}`), [
    'idle schema_config',
  ])
})
