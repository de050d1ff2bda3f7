// The TLS of requests to other servers.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { test } from 'tap'
import { makeCertificates } from '../../../../test/certificates.ts'
import { retryAfterMsMost } from '../../src/limits.ts'
import { HttpPoster } from '../../src/rules/http-poster.ts'
import { opensslCiphers } from '../../src/tls/cipher-suites.ts'
import { openAccess } from './receiver.ts'

test('a request uses one of the configured cipher suites', async t => {
  const dir = t.testdir()
  makeCertificates(dir)
  const file = (name: string) => readFileSync(join(dir, name))
  const options = {
    key: file('server.key'),
    cert: file('server.crt'),
    maxVersion: 'TLSv1.2',
  } as const
  const server = createServer(options, (request, response) => {
    response.end((request.socket as TLSSocket).getCipher().name)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const post = async (ciphers: string | undefined) => {
    const tls = { ...openAccess.tls, caFile: join(dir, 'ca.crt'), ciphers }
    const poster = new HttpPoster({ ...openAccess, tls })
    const url = `https://127.0.0.1:${port}/`
    const signal = new AbortController().signal
    const answer = await poster.post({ url, body: '', headers: {}, timeoutMs: 10_000, signal })
    poster.close()
    return answer
  }
  // The certificate's key decides which of the two there are.
  const suites = ['RSA', 'ECDSA'].map(kind => `TLS_ECDHE_${kind}_WITH_AES_256_GCM_SHA384`).join()
  t.match(await post(opensslCiphers(suites)), { status: 200, text: /^ECDHE-.*-AES256-GCM-SHA384$/ })
  const others = suites.replaceAll('AES_256_GCM_SHA384', 'AES_128_GCM_SHA256')
  t.match(await post(opensslCiphers(others)), { status: 200, text: /^ECDHE-.*-AES128-GCM-SHA256$/ })
})

test('a server may ask for a pause, but not for one without end', async t => {
  const texts = ['2', '0.5', '99999999999', 'Infinity', '-5', 'soon']
  const waits = texts.values()
  const server = createPlainServer((_request, response) => {
    response.writeHead(429, { 'retry-after': waits.next().value! }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const poster = new HttpPoster(openAccess)
  t.teardown(() => poster.close())
  const url = `http://127.0.0.1:${port}/`
  const { signal } = new AbortController()
  const asked: (number | undefined)[] = []
  for (const _ of texts)
    asked.push(
      (await poster.post({ url, body: '', headers: {}, timeoutMs: 10_000, signal })).retryAfterMs,
    )
  t.same(asked, [2000, 500, retryAfterMsMost, retryAfterMsMost, undefined, undefined])
})
