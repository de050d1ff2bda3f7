import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { loadStore } from '../src/store-command.ts'
import { createTestTerminal } from './terminal-double.ts'

test('with a block auth, file and flag agree on tenants: without them, a token has all', t => {
  const yaml = (authEnabled: boolean, more = '') => `auth_enabled: ${authEnabled}
auth:
  tokens:
    - {name: agent, sha256: ${'a'.repeat(64)}, roles: [push]${more}}
`
  const path = join(t.testdir({ 'skald.yaml': yaml(false) }), 'skald.yaml')
  const load = (flags: Record<string, string>) =>
    loadStore({ 'config.file': path, ...flags }, createTestTerminal())
  t.throws(() => load({ 'auth.enabled': 'true' }), {
    code: 'CONFIG',
    message: /auth_enabled is false in the file, and true in the store/,
  })
  t.doesNotThrow(() => load({ 'auth.enabled': 'false' }))
  writeFileSync(path, yaml(true, ', tenants: [a]'))
  const { authSource } = load({}).authSource
  t.same([...authSource!.read()!.tokens[0]!.tenants], ['a'])
  writeFileSync(path, yaml(false))
  t.throws(() => authSource!.read(), /auth_enabled is false in the file, and true in the store/)
  t.end()
})
