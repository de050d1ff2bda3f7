import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { type Test, test } from 'tap'
import { makeCertificates } from '../../../../test/certificates.ts'
import { openListener } from '../../src/http/listener.ts'
import { expiryWarning, readCertificate } from '../../src/tls/certificate.ts'
import { CertificateWatch } from '../../src/tls/certificate-watch.ts'
import type { ClientAuthType, TlsConfig } from '../../src/tls/tls-config.ts'

const dayMs = 86_400_000

function certificatesOf(t: Test): string {
  const dir = t.testdir()
  makeCertificates(dir)
  return dir
}

function configOf(dir: string, clientAuth: ClientAuthType = 'NoClientCert'): TlsConfig {
  const file = (name: string) => ({ file: join(dir, name) })
  const ca = clientAuth.includes('Verify') ? file('ca.crt') : undefined
  const versions = { minVersion: 'TLSv1.2', ciphers: undefined } as const
  return {
    cert: file('server.crt'),
    key: file('server.key'),
    clientAuth,
    clientCa: ca,
    ...versions,
  }
}

async function listen(t: Test, config: TlsConfig) {
  const certificate = readCertificate(config)
  const listener = await openListener({
    ...{ host: '127.0.0.1', port: 0, headPauseMs: 30_000, idleMs: 30_000, connectionsMax: 0 },
    mayUpgrade: () => false,
    tls: { config, certificate },
  })
  t.teardown(() => {
    listener.server.closeAllConnections()
    return listener.close()
  })
  listener.serve((_request, response) => response.end('hello'))
  t.match(listener.url, /^https:/)
  return { listener, certificate }
}

/** Returns the answer and the subject of the server's certificate, or the error. */
async function ask(url: string, options: RequestOptions) {
  const asked = request(url, options)
  asked.end()
  try {
    const [response] = await once(asked, 'response')
    // A connection that is used again no longer belongs to an answer that has ended.
    const { CN: name } = (response.socket as TLSSocket).getPeerCertificate().subject ?? {}
    response.setEncoding('utf8')
    let text = ''
    for await (const chunk of response) text += chunk
    return { text, name }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

test('each way to ask clients for certificates lets in whom it should', async t => {
  const dir = certificatesOf(t)
  makeCertificates(join(dir, 'other'))
  const ca = readFileSync(join(dir, 'ca.crt'))
  const pair = (at: string) => ({
    cert: readFileSync(join(at, 'client.crt')),
    key: readFileSync(join(at, 'client.key')),
  })
  const clients = { none: {}, known: pair(dir), stranger: pair(join(dir, 'other')) }
  const allowed: Record<ClientAuthType, readonly string[]> = {
    NoClientCert: ['none', 'known', 'stranger'],
    RequestClientCert: ['none', 'known', 'stranger'],
    RequireAnyClientCert: ['known', 'stranger'],
    VerifyClientCertIfGiven: ['none', 'known'],
    RequireAndVerifyClientCert: ['known'],
  }
  for (const [clientAuth, names] of Object.entries(allowed)) {
    const { listener } = await listen(t, configOf(dir, clientAuth as ClientAuthType))
    for (const [name, client] of Object.entries(clients)) {
      const agent = new Agent({ ca, ...client })
      const answers = [await ask(listener.url, { agent }), await ask(listener.url, { agent })]
      agent.destroy()
      const isAllowed = names.includes(name)
      for (const { text } of answers) {
        t.equal(text, isAllowed ? 'hello' : undefined, `${clientAuth}: ${name}`)
      }
    }
  }
})

test('new files are used for new connections, and open ones stay', async t => {
  const dir = certificatesOf(t)
  const config = configOf(dir)
  const { listener, certificate } = await listen(t, config)
  const registry = new Registry()
  const messages: string[] = []
  const logger = pino({}, { write: (line: string) => void messages.push(JSON.parse(line).msg) })
  const server = listener.tlsServer!
  const watch = new CertificateWatch({ config, certificate, server, logger, registry })
  t.teardown(() => watch.close())
  const loose = { rejectUnauthorized: false }
  const kept = new Agent({ keepAlive: true, ...loose })
  t.teardown(() => kept.destroy())
  const fresh = () => ask(listener.url, { agent: new Agent(loose) })
  t.match(await ask(listener.url, { agent: kept }), { text: 'hello', name: 'server' })

  copyFileSync(join(dir, 'client.key'), join(dir, 'server.key'))
  watch.check()
  t.equal(messages[1], 'the new certificate is not used; the one before stays', 'half of a renewal')
  t.match(await fresh(), { name: 'server' })

  // As Kubernetes renews a Secret: another file behind the same name.
  copyFileSync(join(dir, 'client.crt'), join(dir, 'renewed.crt'))
  symlinkSync('renewed.crt', join(dir, 'link'))
  renameSync(join(dir, 'link'), join(dir, 'server.crt'))
  watch.check()
  t.match(await fresh(), { text: 'hello', name: 'client' })
  t.match(await ask(listener.url, { agent: kept }), { text: 'hello', name: 'server' })
  t.equal(messages[2], 'the certificate was read again')
  t.match(messages[3], /^the certificate expires on 20\d\d-\d\d-\d\d, in 1 days: renew it$/)
  t.match(await registry.metrics(), /^skald_tls_certificate_days_left 1\.9\d+$/m)
})

test('files that cannot be used are named', async t => {
  const dir = certificatesOf(t)
  const config = configOf(dir)
  const thrown = (change: Partial<TlsConfig>) => {
    try {
      readCertificate({ ...config, ...change })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  const at = (name: string) => ({ file: join(dir, name) })
  writeFileSync(join(dir, 'empty'), '')
  t.equal(thrown({ cert: at('none') }), `Cannot read ${join(dir, 'none')} for TLS: ENOENT`)
  t.equal(thrown({ key: { file: dir } }), `Cannot read ${dir} for TLS: EISDIR`)
  t.equal(
    thrown({ cert: at('empty') }),
    `Cannot use ${join(dir, 'empty')} for TLS: it has no certificate as PEM`,
  )
  t.equal(
    thrown({ key: at('client.key') }),
    `Cannot use ${join(dir, 'server.crt')} and ${join(dir, 'client.key')} for TLS: the key belongs to another certificate`,
  )
  t.equal(
    thrown({ key: { text: 'nonsense' } }),
    'Cannot use server.http_tls_config.key for TLS: it has no key as PEM',
  )
  const key = createPrivateKey(readFileSync(join(dir, 'server.key')))
  const locked = key.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  })
  t.equal(
    thrown({ key: { text: String(locked) } }),
    'Cannot use server.http_tls_config.key for TLS: the key has a passphrase: remove it',
  )
})

test('a certificate is warned of two weeks before its end', async t => {
  const f = (days: number) => expiryWarning({ expiresMs: Date.now() + days * dayMs })
  t.equal(f(15), undefined)
  t.match(f(13.5), /in 13 days: renew it/)
  t.match(f(-1), /the certificate has expired on/)
})
