import { scryptSync } from 'node:crypto'
import { pino } from 'pino'
import { test } from 'tap'
import type { AuthConfig, Identity, Role } from '../../src/auth/auth-config.ts'
import { Authenticator } from '../../src/auth/authenticator.ts'
import { type Credentials, readCredentials, sha256Of } from '../../src/auth/credentials.ts'
import { FailedTries } from '../../src/auth/failed-tries.ts'
import { parseHtpasswd } from '../../src/auth/htpasswd.ts'
import { Sessions } from '../../src/auth/sessions.ts'
import { failedAddressesMax, failedTriesBurst, sessionIdleMs, sessionMs } from '../../src/limits.ts'
import { startIssuer } from './issuer.ts'

const logger = pino({ level: 'silent' })
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

/** `user` of 2013, made by another library: the test vector of bcrypt for "U*U". */
const vector = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

function scryptLine(name: string, password: string): string {
  const salt = Buffer.from('saltsalt')
  const hash = scryptSync(password, salt, 32, { N: 16, r: 8, p: 1 })
  const base64 = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
  return `${name}:$scrypt$ln=4,r=8,p=1$${base64(salt)}$${base64(hash)}`
}

function identity(name: string): Identity {
  return { name, roles: new Set(['read']), tenants: new Set(['a']) }
}

function configOf(users: readonly string[], tokens: AuthConfig['tokens'] = []): AuthConfig {
  return {
    htpasswdFile: 'f',
    users: new Map(users.map(name => [name, identity(name)])),
    tokens,
    ...{ oidc: undefined, hasPublicMetrics: false, auditTenant: undefined },
  }
}

test('credentials are read as clients send them', async t => {
  const read = (authorization: string) => readCredentials({ authorization })
  t.same(read(basic('ann:a:b')), { kind: 'password', user: 'ann', password: 'a:b' })
  t.same(read('bearer  x'), { kind: 'token', token: 'x' })
  t.same(read('Splunk x'), { kind: 'token', token: 'x' })
  t.same(read(`ApiKey ${Buffer.from('id:key').toString('base64')}`), {
    kind: 'token',
    token: 'key',
  })
  t.same(readCredentials({ 'dd-api-key': 'x' }), { kind: 'token', token: 'x' })
  t.equal(readCredentials({}), 'missing')
  for (const bad of ['', 'Basic', 'Basic %%', basic('nocolon'), basic('a\n:b'), 'Digest x']) {
    t.equal(read(bad), 'malformed', bad)
  }
  t.equal(read(`Bearer ${'x'.repeat(20_000)}`), 'malformed')
})

test('passwords of bcrypt and scrypt are right or wrong, and a new file counts at once', async t => {
  const clock = { now: () => 0 }
  const passwords = parseHtpasswd(`old:${vector}\n${scryptLine('new', 'open')}\n`, 'f')
  const config = configOf(['old', 'new'])
  const who = new Authenticator({ config, passwords }, { clock, logger })
  t.teardown(() => who.close())
  const ask = (user: string, password: string, mayWork = true) =>
    who.identify({ kind: 'password', user, password }, mayWork)
  t.equal(ask('old', 'U*U', false), undefined, 'nothing is known yet')
  t.match(await ask('old', 'U*U'), { identity: { name: 'old' } })
  t.match(ask('old', 'U*U', false), { identity: { name: 'old' } }, 'now it is, without work')
  t.match(await ask('old', 'U*V'), { failure: 'password', name: 'old' })
  t.match(await ask('new', 'open'), { identity: { name: 'new' } })
  t.match(await ask('new', 'shut'), { failure: 'password' })
  const nobody = await ask('ghost', 'open')
  t.match(nobody, { failure: 'password' })
  t.notOk('name' in nobody!, 'a name that is none may be a password')
  const { renew } = (await ask('new', 'open')) as { renew: () => Identity | undefined }
  t.equal(renew()?.name, 'new')
  await who.use({ config, passwords: parseHtpasswd(scryptLine('new', 'other'), 'f') })
  t.match(await ask('new', 'open'), { failure: 'password' })
  t.equal(renew(), undefined, 'a session with the old password ends')
  t.match(
    await ask('old', 'U*U'),
    { failure: 'password' },
    'and so does one of a user that is gone',
  )
})

test('many checks of one password take one, and too many different ones are refused', async t => {
  const clock = { now: () => 0 }
  const passwords = parseHtpasswd(scryptLine('u', 'p'), 'f')
  const who = new Authenticator({ config: configOf(['u']), passwords }, { clock, logger })
  t.teardown(() => who.close())
  const ask = (password: string) => who.identify({ kind: 'password', user: 'u', password }, true)
  const outcomes = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`p${i}`)))
  const failures = outcomes.map(outcome => ('failure' in outcome! ? outcome.failure : ''))
  t.equal(failures.filter(failure => failure === 'password').length, 102)
  t.equal(failures.filter(failure => failure === 'busy').length, 98)
  const same = await Promise.all(Array.from({ length: 200 }, () => ask('p')))
  t.ok(same.every(outcome => 'identity' in outcome!))
})

test('tokens are known by their hash, expire, and can be a password', async t => {
  let nowMs = 0
  const token = { ...identity('ci'), sha256: sha256Of('secret'), expiresMs: 1000 }
  const state = { config: configOf([], [token]), passwords: new Map() }
  const who = new Authenticator(state, { clock: { now: () => nowMs }, logger })
  await who.use(state)
  const ask = (credentials: Credentials) => who.identify(credentials, false)
  t.match(ask({ kind: 'token', token: 'secret' }), { identity: { name: 'ci' } })
  t.match(ask({ kind: 'token', token: token.sha256 }), { failure: 'token' })
  t.match(ask({ kind: 'password', user: 'ci', password: 'secret' }), { identity: { name: 'ci' } })
  nowMs = 1000
  t.match(ask({ kind: 'token', token: 'secret' }), { failure: 'expired', name: 'ci' })
})

test('an address that fails too often waits, others do not, and few are remembered', async t => {
  let nowMs = 0
  const tries = new FailedTries({ now: () => nowMs })
  for (let i = 0; i < failedTriesBurst; i++) {
    t.equal(tries.waitSeconds({ ip: '10.0.0.1' }), 0)
    tries.add('10.0.0.1')
  }
  t.equal(tries.waitSeconds({ ip: '10.0.0.1' }), 1)
  t.equal(tries.waitSeconds({ ip: '::ffff:10.0.0.1' }), 1)
  t.equal(tries.waitSeconds({ ip: '10.0.0.2' }), 0)
  nowMs += 1000
  t.equal(tries.waitSeconds({ ip: '10.0.0.1' }), 0)
  for (let i = 0; i < failedTriesBurst; i++) tries.add(`2001:db8::${i}`)
  t.equal(tries.waitSeconds({ ip: '2001:db8:0:0:ffff::1' }), 1, 'a /64 is one client')
  t.equal(tries.waitSeconds({ ip: '2001:db8:0:1::1' }), 0)
  for (let i = 0; i < failedAddressesMax; i++)
    tries.add(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  t.equal(tries.waitSeconds({ ip: '2001:db8::1' }), 0, 'the oldest is forgotten')
})

test('passwords that are checked at the same time count as tries, one password of many requests as one', async t => {
  const tries = new FailedTries({ now: () => 0 })
  const ends = Array.from({ length: 30 }, () => tries.begin('10.0.0.1', 'same'))
  t.equal(tries.waitSeconds({ ip: '10.0.0.1' }, 'same'), 0)
  for (let i = 0; i < failedTriesBurst; i++) ends.push(tries.begin('10.0.0.1', `other ${i}`))
  t.ok(tries.waitSeconds({ ip: '10.0.0.1' }, 'one more') > 0)
  t.equal(tries.waitSeconds({ ip: '10.0.0.2' }, 'one more'), 0)
  for (const end of ends) end()
  t.equal(tries.waitSeconds({ ip: '10.0.0.1' }, 'one more'), 0)
})

test('a session ends by itself, when it rests, and with its identity', async t => {
  let nowMs = 0
  let isKnown = true
  const sessions = new Sessions({ now: () => nowMs })
  const open = () => sessions.open(() => (isKnown ? identity('ann') : undefined))
  const cookie = open()
  t.match(cookie, /^[\w-]{43}$/)
  t.equal(sessions.find(cookie)?.name, 'ann')
  t.equal(sessions.find('guessed'), undefined)
  nowMs += sessionIdleMs
  t.equal(sessions.find(cookie), undefined)
  const used = open()
  for (let ms = 0; ms < sessionMs - 60_000; ms += 60_000) {
    nowMs += 60_000
    if (!sessions.find(used)) t.fail(`ended after ${ms} ms`)
  }
  nowMs += 60_000
  t.equal(sessions.find(used), undefined, 'however much it is used')
  const [ended, lost] = [open(), open()]
  sessions.end(ended)
  t.equal(sessions.find(ended), undefined)
  isKnown = false
  t.equal(sessions.find(lost), undefined)
})

test('a session by a token of an issuer ends when the settings of the issuer change', async t => {
  const issuer = await startIssuer(t)
  const configWith = (roles: readonly Role[]): AuthConfig => ({
    ...configOf([]),
    oidc: {
      ...{ issuer: issuer.url, audiences: ['skald'], keysUrl: undefined, roles: new Set(roles) },
      ...{ nameClaim: 'sub', tenantsClaim: '', rolesClaim: '', roleMapping: new Map() },
      tenants: new Set(['a']),
    },
  })
  const passwords = new Map()
  const who = new Authenticator(
    { config: configOf([]), passwords },
    { clock: { now: () => 1_800_000_000_000 }, logger },
  )
  const token = await issuer.sign({})
  const begin = async () => {
    const outcome = await who.identify({ kind: 'token', token }, true)
    return (outcome as { renew: () => Identity | undefined }).renew
  }
  await who.use({ config: configWith(['admin']), passwords })
  const renews = [await begin(), await begin()]
  for (const renew of renews) t.equal(renew()?.name, 'ann')
  await who.use({ config: configWith(['admin']), passwords })
  for (const renew of renews) t.ok(renew(), 'the same settings change nothing')
  await who.use({ config: configWith(['read']), passwords })
  for (const renew of renews) t.equal(renew(), undefined)
  const renew = await begin()
  t.same([...renew()!.roles], ['read'])
  await who.use({ config: configOf([]), passwords })
  t.equal(renew(), undefined, 'there is no issuer any more')
})

test('a name that is none is checked like the users of the file, so that its answer takes as long', async t => {
  const passwords = parseHtpasswd(scryptLine('ann', 'open'), 'f')
  const ann = passwords.get('ann')!
  // Cannot be computed, which shows that it is.
  const broken = new Map([['ann', { ...ann, n: 3 }]])
  const who = new Authenticator(
    { config: configOf(['ann']), passwords: broken as typeof passwords },
    { clock: { now: () => 0 }, logger },
  )
  const ask = (user: string) => who.identify({ kind: 'password', user, password: 'x' }, true)
  await t.rejects(ask('ghost') as Promise<unknown>, { code: 'ERR_CRYPTO_INVALID_SCRYPT_PARAMS' })
  await who.use({ config: configOf(['ann']), passwords })
  t.match(await ask('ghost'), { failure: 'password' })
})
