import { type JWTPayload, SignJWT } from 'jose'
import { pino } from 'pino'
import { test } from 'tap'
import type { OidcConfig } from '../../src/auth/auth-config.ts'
import { sha256Of } from '../../src/auth/credentials.ts'
import { identityOf, JwtChecker } from '../../src/auth/jwt-checker.ts'
import { issuerKeysMs, issuerPauseMs } from '../../src/limits.ts'
import { startIssuer } from './issuer.ts'

function configOf(issuer: string): OidcConfig {
  return {
    ...{ issuer, audiences: ['skald'], keysUrl: undefined },
    ...{ nameClaim: 'email', tenantsClaim: 'tenants', rolesClaim: 'realm.groups' },
    roleMapping: new Map([['log-readers', ['read']]]),
    ...{ tenants: new Set(), roles: new Set() },
  }
}

const claims = {
  email: 'ann@example.org',
  tenants: ['a', '*', 'b/c'],
  realm: { groups: 'log-readers x' },
}

test('a token of the issuer says who, which tenants and which roles', async t => {
  const issuer = await startIssuer(t)
  let nowMs = 1_800_000_000_000
  const logger = pino({ level: 'silent' })
  const checker = new JwtChecker(configOf(issuer.url), { clock: { now: () => nowMs }, logger })
  const check = (token: string) => checker.check(token, sha256Of(token))
  const token = await issuer.sign(claims)
  const outcome = await check(token)
  if (!('identity' in outcome)) throw new Error(outcome.failure)
  t.equal(outcome.identity.name, 'ann@example.org')
  t.same([...outcome.identity.tenants], ['a'], 'a claim names tenants, not all of them')
  t.same([...outcome.identity.roles], ['read'])
  t.same(issuer.asked, ['/.well-known/openid-configuration', '/keys'])

  const refused = async (jwt: Promise<string>) => {
    const found = await check(await jwt)
    return 'failure' in found ? found.failure : 'none'
  }
  t.equal(await refused(issuer.sign({ ...claims, aud: 'other' })), 'token')
  t.equal(await refused(issuer.sign({ ...claims, iss: 'https://evil.example' })), 'token')
  t.equal(await refused(issuer.sign(claims, 'one', 1_700_000_000)), 'expired')
  t.equal(await refused(issuer.sign(claims, 'one', 0)), 'token', 'a token without an end')
  const [head, , signature] = token.split('.')
  const forged = Buffer.from(JSON.stringify({ ...claims, aud: 'skald' })).toString('base64url')
  t.equal(await refused(Promise.resolve(`${head}.${forged}.${signature}`)), 'token')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  t.equal(await refused(Promise.resolve(`${none}.${forged}.`)), 'token')
  const hmac = new SignJWT({ iss: issuer.url, aud: 'skald' }).setProtectedHeader({ alg: 'HS256' })
  t.equal(await refused(hmac.setExpirationTime('1h').sign(new Uint8Array(32))), 'token')

  t.match(checker.recall(sha256Of(token)), { identity: { name: 'ann@example.org' } })
  nowMs = 2_000_000_060_000
  t.equal(checker.recall(sha256Of(token)), undefined, 'no longer than the token lasts')
  t.equal(outcome.renew(), undefined)
})

test('new keys are fetched, but not for each unknown one, and an issuer that is away is no outage', async t => {
  const issuer = await startIssuer(t)
  let nowMs = 1_800_000_000_000
  const warnings: string[] = []
  const logger = pino({}, { write: (line: string) => void warnings.push(line) })
  const checker = new JwtChecker(configOf(issuer.url), { clock: { now: () => nowMs }, logger })
  const check = async (jwt: Promise<string>) => {
    const token = await jwt
    const outcome = await checker.check(token, sha256Of(token))
    return 'failure' in outcome ? outcome.failure : outcome.identity.name
  }
  t.equal(await check(issuer.sign(claims)), 'ann@example.org')
  await issuer.addKey('two')
  const asked = issuer.asked.length
  for (let i = 0; i < 5; i++) t.equal(await check(issuer.sign({ ...claims, i }, 'two')), 'token')
  t.equal(issuer.asked.length, asked, 'no fetch so soon after the last')
  nowMs += issuerPauseMs
  t.equal(await check(issuer.sign(claims, 'two')), 'ann@example.org')
  t.equal(issuer.asked.length, asked + 2)
  issuer.stop()
  nowMs += issuerKeysMs + 1
  t.equal(await check(issuer.sign({ ...claims, later: true })), 'ann@example.org')
  nowMs += issuerPauseMs
  t.equal(await check(issuer.sign({ ...claims, later: 2 })), 'ann@example.org')
  await issuer.addKey('three')
  nowMs += issuerPauseMs
  t.equal(await check(issuer.sign(claims, 'three')), 'token')
  t.match(warnings.join(''), /cannot fetch the keys of the issuer, known ones stay in use/)

  const fresh = new JwtChecker(configOf(issuer.url), { clock: { now: () => nowMs }, logger })
  const token = await issuer.sign(claims)
  t.same(await fresh.check(token, sha256Of(token)), { failure: 'issuer' })
})

test('claims are found by their name or by a path', async t => {
  const config = configOf('https://id')
  const found = (payload: JWTPayload, more: Partial<OidcConfig> = {}) =>
    identityOf(payload, { ...config, ...more })
  t.equal(found({ sub: 'x' }).name, 'x', 'the subject in the place of a missing name')
  t.same([...found({ 'realm.groups': ['log-readers'] }).roles], ['read'])
  t.same([...found({ realm: 7 }).roles], [])
  const plain = { roleMapping: new Map(), rolesClaim: 'scope' }
  t.same([...found({ scope: 'openid read push' }, plain).roles], ['read', 'push'])
  t.same([...found({ tenants: 'a b' }).tenants], ['a', 'b'])
  t.same([...found({ tenants: { a: 1 } }).tenants], [])
})
