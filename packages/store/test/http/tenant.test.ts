import { test } from 'tap'
import { BadRequestError } from '../../src/errors.ts'
import { resolveTenant, resolveTenants, singleTenant } from '../../src/http/tenant.ts'

test('without auth, every request belongs to one tenant', async t => {
  t.equal(resolveTenant(undefined, false), singleTenant)
  t.equal(resolveTenant('other', false), 'fake')
})

test('with auth, the header names the tenant', async t => {
  const f = (header: string) => t.equal(resolveTenant(header, true), header)
  f('one')
  f("A-z_0!.*'()")
  f('...')
  f('x'.repeat(150))
})

test('missing and invalid names are rejected', async t => {
  const f = (header: string | undefined, code: string, message: string) => {
    try {
      resolveTenant(header, true)
      t.fail(`${header} was taken`)
    } catch (error) {
      t.ok(error instanceof BadRequestError)
      t.match(error, { code, message })
    }
  }
  f(undefined, 'TENANT_MISSING', 'no org id')
  f('', 'TENANT_MISSING', 'no org id')
  f('a|b', 'BAD_REQUEST', 'multiple org IDs present')
  f('x'.repeat(151), 'BAD_REQUEST', 'tenant ID is too long: max 150 characters')
  f('.', 'BAD_REQUEST', "tenant ID is '.' or '..'")
  f('..', 'BAD_REQUEST', "tenant ID is '.' or '..'")
  f('../etc', 'BAD_REQUEST', "tenant ID '../etc' contains unsupported character '/'")
  f('a b', 'BAD_REQUEST', "tenant ID 'a b' contains unsupported character ' '")
  f('값', 'BAD_REQUEST', "tenant ID '값' contains unsupported character '값'")
})

test('the same name several times is one tenant', async t => {
  t.equal(resolveTenant('a|a', true), 'a')
  t.throws(() => resolveTenant('|', true), { message: /has a \| without a tenant/ })
  t.throws(() => resolveTenant('a b|c', true), { message: 'multiple org IDs present' })
})

test('the tenants of a query are sorted, each once', async t => {
  const f = (header: string, wanted: readonly string[]) =>
    t.same(resolveTenants(header, true), wanted)
  f('a', ['a'])
  f('b|a|B|b|a', ['B', 'a', 'b'])
  f('a.|a|a-', ['a', 'a-', 'a.'])
  t.same(resolveTenants('a|b', false), [singleTenant])
  t.throws(() => resolveTenants(undefined, true), { code: 'TENANT_MISSING' })
})

test('every tenant of a query is checked, and there are not too many', async t => {
  const f = (header: string, message: string) =>
    t.throws(() => resolveTenants(header, true), { code: 'BAD_REQUEST', message })
  f('a|b c', "tenant ID 'b c' contains unsupported character ' '")
  f('a||b', 'X-Scope-OrgID has a | without a tenant beside it')
  f('a|..', "tenant ID is '.' or '..'")
  const many = Array.from({ length: 257 }, (_, i) => `t${i}`)
  f(many.join('|'), 'X-Scope-OrgID names 257 tenants: a query reads at most 256')
  t.equal(resolveTenants([...many.slice(1), 't1'].join('|'), true).length, 256)
})
