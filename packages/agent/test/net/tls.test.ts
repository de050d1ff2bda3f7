// TLS on both sides of the agent: its own port, and servers that request its certificate.

import { once } from 'node:events'
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { test } from 'tap'
import { makeCertificates } from '../../../../test/certificates.ts'
import { configText, startTestAgent, waitFor } from '../harness.ts'

test('Client shows its certificate, and takes servers of its authority only', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const keys = `${directory}/keys`
  makeCertificates(keys)
  const read = (name: string) => readFileSync(`${keys}/${name}`)
  const names: string[] = []
  const server = createServer(
    { cert: read('server.crt'), key: read('server.key'), ca: read('ca.crt'), requestCert: true },
    (request, response) => {
      names.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN))
      request.resume().on('end', () => response.writeHead(204).end())
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/loki/api/v1/push`
  const files = `{ca_file: "${keys}/ca.crt", cert_file: "${keys}/client.crt", key_file: "${keys}/client.key"}`
  const withTls = (text: string) =>
    configText({ directory, url }).replace(
      'batchwait: 20ms',
      `batchwait: 20ms\n    tls_config: ${text}`,
    )
  const stranger = await startTestAgent(t, withTls('{server_name: 127.0.0.1}'))
  await waitFor(async () =>
    /batch_retries_total\{[^}]*\} [1-9]/.test(await stranger.metrics.registry.metrics()),
  )
  t.equal(names.length, 0, 'an authority that it does not know is not told anything')
  await stranger.stop()
  const nameless = await startTestAgent(t, withTls(`{ca_file: "${keys}/ca.crt"}`))
  await waitFor(async () =>
    /batch_retries_total\{[^}]*\} [1-9]/.test(await nameless.metrics.registry.metrics()),
  )
  t.equal(names.length, 0, 'the server lets nobody in without a certificate')
  await nameless.stop()
  await startTestAgent(t, withTls(files))
  await waitFor(() => names.length === 1)
  // The next request uses renewed certificates.
  makeCertificates(keys)
  server.setSecureContext({ cert: read('server.crt'), key: read('server.key'), ca: read('ca.crt') })
  server.closeAllConnections()
  appendFileSync(`${directory}/a.log`, '2\n')
  await waitFor(() => names.length === 2)
  t.strictSame(names, ['client', 'client'])
})

test('Agent serves its pages over TLS', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const keys = `${directory}/keys`
  makeCertificates(keys)
  const tls = `http_tls_config: {cert_file: "${keys}/server.crt", key_file: "${keys}/server.key"}`
  const config = configText({ directory, url: 'http://127.0.0.1:1/' })
  const agent = await startTestAgent(
    t,
    config.replace('http_listen_port: 0', `http_listen_port: 0, ${tls}`),
  )
  t.match(agent.url, /^https:/)
  await waitFor(() => agent.isReady)
  const request = get(`${agent.url}/ready`, { ca: readFileSync(`${keys}/ca.crt`) })
  const [response] = await once(request, 'response')
  t.equal(response.statusCode, 200)
  response.resume()
})
