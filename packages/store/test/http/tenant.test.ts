import { test } from 'tap'
import { BadRequestError } from '../../src/errors.ts'
import { resolveTenant, singleTenant } from '../../src/http/tenant.ts'

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
