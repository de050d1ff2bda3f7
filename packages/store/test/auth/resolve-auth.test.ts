import { ConfigError } from '@skald/config-reading'
import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'

const sha256 = 'ab'.repeat(32)
const token = `name: t, sha256: ${sha256}, roles: [push], tenants: [a]`

/** Returns the mistakes of a block. */
function mistakes(block: string, first = ''): string[] {
  try {
    loadStoreConfig(`${first}auth: ${block}\n`, 'store.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ message }) => message)
  }
}

test('without the block everybody may come in, with it those that it names', async t => {
  t.equal(loadStoreConfig('', 'store.yaml').config.auth, undefined)
  const { config } = loadStoreConfig(
    `auth: {tokens: [{${token}, expires: 2027-01-01T00:00:00Z}]}`,
    '',
  )
  const [found] = config.auth!.tokens
  t.match(found, { name: 't', sha256, expiresMs: Date.UTC(2027, 0) })
  t.same([...found!.roles], ['push'])
  t.same([...found!.tenants], ['a'])
})

test('a block in which nobody is named is a mistake, not an open door', async t => {
  for (const block of ['', '{}', '{tokens: []}', '{public_metrics: true}']) {
    t.match(mistakes(block), [/auth\.tokens: nobody may come in/], block)
  }
})

test('every mistake is told with its place, and no secret with it', async t => {
  const one = (entry: string) => mistakes(`{tokens: [{${entry}}]}`)
  t.match(one('name: t, sha256: plain-secret, roles: [push], tenants: [a]'), [
    /^auth\.tokens\[0\]\.sha256: write the SHA-256 .* not the token$/,
  ])
  t.notMatch(one('name: t, sha256: plain-secret, roles: [push], tenants: [a]'), [/plain-secret/])
  t.match(one(`sha256: ${sha256}, roles: [push], tenants: [a]`), [/\.name: it is missing/])
  t.match(one(`name: t, sha256: ${sha256}, tenants: [a]`), [/\.roles: write at least one/])
  t.match(one(`name: t, sha256: ${sha256}, roles: [write], tenants: [a]`), [/no role write/])
  t.match(one(`name: t, sha256: ${sha256}, roles: [push]`), [/\.tenants: write the tenants/])
  t.match(one(`name: t, sha256: ${sha256}, roles: [push], tenants: [a/b]`), [/unsupported/])
  t.match(one(`${token}, expires: tomorrow`), [/\.expires: write a time/])
  t.match(one(`${token}, expire: 2027-01-01`), [/Unknown key expire .* mean expires/])
  t.match(mistakes(`{tokens: [{${token}}, {${token}}]}`), [/\[1\]\.sha256: .* twice/])
  const user = '{name: u, roles: [read], tenants: [a]}'
  t.match(mistakes(`{users: [${user}]}`), [/htpasswd_file: it is missing/])
  t.match(mistakes(`{htpasswd_file: x, users: [${user}, ${user}]}`), [/u is there twice/])
  t.match(mistakes(`{htpasswd_file: x, tokens: [{${token}}]}`), [/auth\.users: write what/])
  t.match(mistakes(`{htpasswd_file: x, users: [{name: "a:b", roles: [read], tenants: [a]}]}`), [
    /has a colon/,
  ])
})

test('without auth_enabled the only tenant is fake, and need not be written', async t => {
  const off = 'auth_enabled: false\n'
  const { config } = loadStoreConfig(
    `${off}auth: {tokens: [{name: t, sha256: ${sha256}, roles: [push]}]}`,
    '',
  )
  t.same([...config.auth!.tokens[0]!.tenants], ['*'])
  t.match(mistakes(`{tokens: [{${token}}]}`, off), [/the only tenant is fake/])
  t.match(mistakes(`{tokens: [{${token.replace('[a]', '[fake]')}}], audit_tenant: b}`, off), [
    /audit_tenant: without auth_enabled/,
  ])
})

test('an issuer needs an audience, and one source of roles and tenants', async t => {
  const oidc = (keys: string) => mistakes(`{oidc: {${keys}}}`)
  const whole = 'issuer: "https://id.example.org", audience: skald'
  t.same(oidc(`${whole}, roles_claim: groups, tenants_claim: tenants`), [])
  t.match(oidc('issuer: "https://id.example.org", roles: [read], tenants: [a]'), [/audience/])
  t.match(oidc('issuer: id, audience: skald, roles: [read], tenants: [a]'), [/write a URL/])
  t.match(oidc(`${whole}, roles_claim: groups, roles: [read], tenants: [a]`), [/only one of them/])
  t.match(oidc(`${whole}, roles_claim: g, role_mapping: {x: [reader]}, tenants: [a]`), [
    /role_mapping\.x: there is no role reader/,
  ])
})
