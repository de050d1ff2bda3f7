// Certificates for TLS tests, made with openssl.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'

/** Creates a CA (`ca`) and its certificates `server` and `client` in a directory. */
export function makeCertificates(directory: string): void {
  mkdirSync(directory, { recursive: true })
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=test',
    '-days',
    '2',
  )
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    writeFileSync(`${directory}/san`, 'subjectAltName=IP:127.0.0.1')
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-days', '2'],
      ...['-CAcreateserial', '-extfile', 'san', '-out', `${name}.crt`],
    )
  }
}
