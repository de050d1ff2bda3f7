import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import { configInForce } from '../../src/config-in-force.ts'

const load = (server: string) => loadStoreConfig(`server:\n${server}`, 'store.yaml')

function problemOf(server: string): string {
  try {
    load(server)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test("Loki's keys give the TLS of the server", async t => {
  t.equal(load('  http_listen_port: 3100').config.tls, undefined)
  t.same(load('  http_tls_config: {cert_file: a.crt, key_file: a.key}').config.tls, {
    cert: { file: 'a.crt' },
    key: { file: 'a.key' },
    clientAuth: 'NoClientCert',
    clientCa: undefined,
    minVersion: 'TLSv1.2',
    ciphers: undefined,
  })
  t.match(
    load(`  http_tls_config:
    cert: C
    key: K
    client_ca_file: ca.crt
    client_auth_type: VerifyClientCertIfGiven
  tls_min_version: VersionTLS13
  tls_cipher_suites: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_256_CBC_SHA
`).config.tls,
    {
      cert: { text: 'C' },
      key: { text: 'K' },
      clientAuth: 'VerifyClientCertIfGiven',
      clientCa: { file: 'ca.crt' },
      minVersion: 'TLSv1.3',
      ciphers:
        'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA',
    },
  )
})

test('Mistakes in the TLS settings are named with their places', async t => {
  const f = (server: string, message: RegExp) => t.match(problemOf(server), message, server)
  f('  http_tls_config: {cert_file: a}', /store\.yaml:2:.*http_tls_config\.key_file: it is missing/)
  f('  http_tls_config: {key_file: a}', /cert_file: it is missing/)
  f('  http_tls_config: {cert_file: a, cert: b, key_file: c}', /\.cert: it is there twice/)
  f(
    '  http_tls_config: {cert_file: a, key_file: b, client_ca_file: c}',
    /client_auth_type: write RequireAndVerifyClientCert, or remove client_ca_file/,
  )
  f(
    '  http_tls_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}',
    /client_ca_file: it is missing: RequireAndVerifyClientCert checks certificates with it/,
  )
  f(
    '  http_tls_config: {client_auth_type: RequireAnyClientCert}',
    /it needs cert_file and key_file/,
  )
  f('  http_tls_config: {cert_file: a, key_file: b, client_auth_type: Maybe}', /client_auth_type/)
  f('  tls_min_version: VersionTLS10', /tls_min_version: write VersionTLS12 or VersionTLS13/)
  f(
    '  tls_cipher_suites: TLS_RSA_WITH_RC4_128_SHA',
    /there is no cipher suite TLS_RSA_WITH_RC4_128_SHA/,
  )
  const secret = problemOf('  http_tls_config: {cert_file: a, key: [topsecret]}')
  t.match(secret, /http_tls_config\.key: write a text/)
  t.notMatch(secret, /topsecret/)
})

test('/config shows the settings without the key', async t => {
  const loaded = load('  http_tls_config: {cert: CERT, key: topsecret}')
  const shown = JSON.stringify(configInForce(loaded, 'info'))
  t.match(shown, /CERT/)
  t.notMatch(shown, /topsecret/)
})
