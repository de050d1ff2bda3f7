import { createLabelSet, formatLabelSet, type Matcher, type MatcherOp } from '@skald/wire'
import { test } from 'tap'
import { chooseTenants, keptTenantLabel, tenantLabel, withTenant } from '../../src/index.ts'

const tenants = ['a', 'ab', 'b']
const app: Matcher = { name: 'app', op: '=', value: 'x' }

test('matchers on the label choose tenants, and the others are for streams', async t => {
  const f = (op: MatcherOp, value: string, wanted: readonly string[]) => {
    const chosen = chooseTenants(tenants, [app, { name: tenantLabel, op, value }])
    t.same(chosen, { tenants: wanted, matchers: [app] }, `${op} ${value}`)
  }
  f('=', 'a', ['a'])
  f('=', 'c', [])
  f('=', '', [])
  f('!=', 'a', ['ab', 'b'])
  f('!=', '', tenants)
  f('=~', 'a', ['a'])
  f('=~', 'a.*', ['a', 'ab'])
  f('=~', 'b|a', ['a', 'b'])
  f('!~', 'a.*', ['b'])
  f('!~', '.*', [])
  t.same(chooseTenants(tenants, [app]), { tenants, matchers: [app] })
  const both: Matcher[] = [
    { name: tenantLabel, op: '=~', value: 'a.*' },
    { name: tenantLabel, op: '!=', value: 'a' },
  ]
  t.same(chooseTenants(tenants, both), { tenants: ['ab'], matchers: [] }, 'all must fit')
})

test('a matcher on the kept name is for the stored label', async t => {
  const { matchers } = chooseTenants(tenants, [{ name: keptTenantLabel, op: '=~', value: 'x' }])
  t.same(matchers, [{ name: tenantLabel, op: '=~', value: 'x' }])
})

test('the label is added to labels, and a stored one keeps its value under another name', async t => {
  const f = (labels: Record<string, string>, wanted: string) =>
    t.equal(formatLabelSet(withTenant(createLabelSet(labels), 't')), wanted)
  f({}, '{__tenant_id__="t"}')
  f({ app: 'x', Z: '1' }, '{Z="1", __tenant_id__="t", app="x"}')
  f(
    { app: 'x', [tenantLabel]: 'own' },
    '{__tenant_id__="t", app="x", original___tenant_id__="own"}',
  )
  f({ [keptTenantLabel]: 'old' }, '{__tenant_id__="t", original___tenant_id__="old"}')
  f(
    { [tenantLabel]: 'own', [keptTenantLabel]: 'old' },
    '{__tenant_id__="t", original___tenant_id__="own"}',
  )
})
