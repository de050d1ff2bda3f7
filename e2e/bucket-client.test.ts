// The client of a bucket against a real server: each call that a store makes.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadStoreConfig } from '@skald/store'
import pino from 'pino'
import { test } from 'tap'
import { openS3Bucket } from '../packages/store/src/bucket/s3-bucket.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

test('a real server takes each call of the client', { skip: noBucket }, async t => {
  const dir = t.testdir()
  const server = await startBucket(t, dir)
  const { config } = loadStoreConfig(server.config, 'x')
  const counts: string[] = []
  const bucket = openS3Bucket({
    ...{ config: config.bucket!, logger: pino({ enabled: false }) },
    onRequest: (operation, outcome) => counts.push(`${operation} ${outcome}`),
  })
  t.teardown(() => bucket.close())

  const small = Buffer.from('what is stored')
  const large = Buffer.alloc(3_000_000, 'abcdefg')
  writeFileSync(join(dir, 'large'), large)
  await bucket.put('a/small', { bytes: small })
  await bucket.put('a/large', { path: join(dir, 'large') })
  t.same(await bucket.read('a/large', 1_000_000, 500), large.subarray(1_000_000, 1_000_500))

  t.comment('a name is written once')
  await bucket.put('a/small', { bytes: small })
  const refused = await bucket
    .put('a/small', { bytes: Buffer.from('else') })
    .catch((error: Error & { readonly isTaken?: boolean }) => error)
  t.equal(refused?.isTaken, true)
  t.same(await bucket.read('a/small', 0, small.length), small)

  t.comment('a copy within the bucket')
  for (const [name, bytes] of [
    ['small', small],
    ['large', large],
  ] as const) {
    await bucket.copy(`a/${name}`, `b/${name}`)
    t.same(await bucket.read(`b/${name}`, 0, bytes.length), bytes)
  }
  await t.rejects(bucket.copy('a/none', 'b/none'), { code: 'ENOENT' })

  t.comment('listings and deletes')
  const keys = async (...args: Parameters<typeof bucket.list>) =>
    (await bucket.list(...args)).map(({ key }) => key)
  t.same(await keys(''), ['a/large', 'a/small', 'b/large', 'b/small'])
  t.same(await keys('b/'), ['b/large', 'b/small'])
  t.same(await keys('a/', 'a/large'), ['a/small'])
  await bucket.delete('a/large')
  await bucket.delete('a/large')
  t.same(await keys('a/'), ['a/small'])
  await t.rejects(bucket.read('a/large', 0, 10), { code: 'ENOENT' })
  t.ok(counts.includes('copy ok'))
})
