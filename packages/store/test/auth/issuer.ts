// An issuer of OpenID on loopback, for tests.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import type { TestScope } from '../harness.ts'

/** Starts an issuer of OpenID on loopback, with the keys that a test gives it. */
export async function startIssuer(t: TestScope) {
  const keys = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>()
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    asked.push(request.url!)
    const jwks = [...keys].map(async ([kid, { publicKey }]) => ({
      ...(await exportJWK(publicKey)),
      ...{ kid, alg: 'ES256' },
    }))
    const isKeys = request.url === '/keys'
    const body = isKeys
      ? { keys: await Promise.all(jwks) }
      : { issuer: url, jwks_uri: `${url}/keys` }
    response.end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const stop = () => {
    server.closeAllConnections()
    server.close()
  }
  t.teardown(stop)
  const addKey = async (kid: string) => {
    keys.set(kid, await generateKeyPair('ES256'))
  }
  const sign = (claims: JWTPayload, kid = 'one', expires: number | undefined = 2_000_000_000) => {
    const jwt = new SignJWT({ iss: url, aud: 'skald', sub: 'ann', ...claims })
    if (expires) jwt.setExpirationTime(expires)
    return jwt.setProtectedHeader({ alg: 'ES256', kid }).sign(keys.get(kid)!.privateKey)
  }
  await addKey('one')
  return { url, asked, addKey, sign, stop, keys }
}
