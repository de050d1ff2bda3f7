// The client against a server that answers as a test says. A real server is in e2e/bucket.test.ts.

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { openS3Bucket } from '../../src/bucket/s3-bucket.ts'
import { loadStoreConfig } from '../../src/config.ts'
import { createTestLogger } from '../harness.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Opens a bucket whose requests get these answers, one after another. */
async function open(t: Test, ...answers: Answer[]) {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['if-none-match'] ?? ''}`.trim())
    request.resume()
    request.once('end', () => (answers.shift() ?? status(500))(request, response))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const { config } = loadStoreConfig(
    `storage_config: {aws: {bucketnames: logs, endpoint: "http://127.0.0.1:${port}", s3forcepathstyle: true,
      access_key_id: the-key, secret_access_key: the-secret, http_config: {response_header_timeout: 200ms},
      backoff_config: {min_period: 1ms, max_period: 2ms, max_retries: 2}}}`,
    'x',
  )
  const { logger, messages } = createTestLogger()
  const counts: string[] = []
  const onRequest = (operation: string, outcome: string) => counts.push(`${operation} ${outcome}`)
  const bucket = openS3Bucket({ config: config.bucket!, logger, onRequest })
  t.teardown(async () => {
    await bucket.close()
    server.closeAllConnections()
    server.close()
  })
  return { bucket, seen, counts, messages }
}

const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (_request, response) =>
    response.writeHead(code, headers).end(body)
const silent: Answer = () => undefined
const content = Buffer.from('what is stored')
const sha256 = createHash('sha256').update(content).digest('hex')
const head = (digest: string) =>
  status(200, { 'content-length': String(content.length), 'x-amz-meta-sha256': digest })

test('a request is repeated while another try makes sense', async t => {
  const cut: Answer = (_request, response) => {
    response.writeHead(206, { 'content-length': '4' }).write('wh')
    setTimeout(() => response.destroy(), 5)
  }
  const { bucket, seen, counts } = await open(t, status(503), cut, status(206, {}, 'what'))
  t.equal((await bucket.read('a', 0, 4)).toString(), 'what')
  t.equal(seen.length, 3)
  t.same(counts, ['get failed', 'get failed', 'get ok'])
})

test('a refusal is final, and says so without secrets', async t => {
  const body = '<Error><Code>AccessDenied</Code><Message>no</Message></Error>'
  const { bucket, seen } = await open(t, status(403, {}, body))
  const error = await bucket.read('a', 0, 4).catch((found: Error) => found)
  t.match(error, { code: 'BUCKET_UNAVAILABLE', answer: 403 })
  t.match((error as Error).message, /^Cannot get s3:\/\/logs\/skald\/a: 403 AccessDenied: no$/)
  t.equal(seen.length, 1)
})

test('a server that says nothing is given up', async t => {
  const { bucket, seen } = await open(t, silent, silent, silent)
  await t.rejects(bucket.read('a', 0, 4), { code: 'BUCKET_UNAVAILABLE', answer: undefined })
  t.equal(seen.length, 3)
})

test('a missing object is like a missing file', async t => {
  const { bucket } = await open(t, status(404), status(404))
  await t.rejects(bucket.read('a', 0, 4), { code: 'ENOENT', path: 'a' })
  await bucket.delete('a')
})

test('an object that an earlier try wrote is taken for written, and no other', async t => {
  const taken = status(412)
  const { bucket, seen } = await open(t, taken, head(sha256), taken, head('other'))
  await bucket.put('a', { bytes: content })
  t.match(seen, [/^PUT \/logs\/skald\/a\?.* \*$/, /^HEAD /])
  await t.rejects(bucket.put('a', { bytes: content }), {
    code: 'BUCKET_UNAVAILABLE',
    isTaken: true,
  })
})

test('a server without conditions is used without them', async t => {
  const { bucket, seen, messages } = await open(t, status(501), status(200))
  await bucket.put('a', { bytes: content })
  t.match(seen, [/ \*$/, /PutObject$/])
  t.match(messages(), [/^the bucket does not support If-None-Match/])
})

test('all pages of a listing are read', async t => {
  const page = (keys: readonly string[], next: string) =>
    status(
      200,
      {},
      `<ListBucketResult><IsTruncated>${next !== ''}</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>${keys
        .map(key => `<Contents><Key>skald/${key}</Key><Size>5</Size></Contents>`)
        .join('')}</ListBucketResult>`,
    )
  const { bucket } = await open(t, page(['s/1', 's/2'], 'token'), page(['s/3'], ''))
  t.same(
    (await bucket.list('s/')).map(({ key, sizeBytes }) => `${key} ${sizeBytes}`),
    ['s/1 5', 's/2 5', 's/3 5'],
  )
})
