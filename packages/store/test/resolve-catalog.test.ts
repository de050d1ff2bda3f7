import { ConfigError } from '@skald/config-reading'
import { test } from 'tap'
import { loadStoreConfig } from '../src/config.ts'
import { configInForce } from '../src/config-in-force.ts'

const bucket = 'storage_config: {aws: {bucketnames: logs, region: eu-west-1}}\n'
const url = 'postgres://skald:a-secret@db:5432/skald?sslmode=verify-full'

function mistakesOf(text: string): string[] {
  try {
    loadStoreConfig(text, 'store.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, message }) => `${line}: ${message}`)
  }
}

test('a catalog is resolved with its defaults', async t => {
  const { config } = loadStoreConfig(
    `${bucket}skald: {catalog: {postgres_url: '${url}'}}`,
    'a.yaml',
  )
  t.same(config.catalog, { postgresUrl: url, passwordFile: '', commitIntervalMs: 250 })
  t.equal(loadStoreConfig(bucket, 'a.yaml').config.catalog, undefined)
})

test('mistakes are named with their places, and the URL is never shown', async t => {
  const alone = mistakesOf(`skald:\n  catalog:\n    postgres_url: '${url}'`)
  t.match(alone, [/^3: skald\.catalog\.postgres_url: replicas share their lines in a bucket/])
  const other = mistakesOf(`${bucket}skald: {catalog: {postgres_url: 'mysql://a-secret@db/skald'}}`)
  t.match(other, [/postgres_url: must be a URL such as postgres:/])
  t.match(mistakesOf(`${bucket}skald: {catalog: {postgres_url: {a: a-secret}}}`), [/must be a URL/])
  t.match(mistakesOf(`${bucket}skald: {catalog: {postgres_password_file: /p}}`), [
    /postgres_password_file: postgres_url is missing/,
  ])
  t.match(mistakesOf(`${bucket}skald: {commit_interval: 10ms}`), [/commit_interval: must be from/])
  for (const text of [...alone, ...other]) t.notMatch(text, 'a-secret')
})

test('/config shows that there is a catalog, and no secret', async t => {
  const loaded = loadStoreConfig(`${bucket}skald: {catalog: {postgres_url: '${url}'}}`, 'a.yaml')
  const shown = JSON.stringify(configInForce(loaded, 'info'))
  t.match(shown, /"postgres_url":"\*+"/)
  t.notMatch(shown, 'a-secret')
})
