import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { test } from 'tap'
import type { AuthConfig } from '../../src/auth/auth-config.ts'
import { AuthWatch } from '../../src/auth/auth-watch.ts'
import { Authenticator } from '../../src/auth/authenticator.ts'
import { sha256Of } from '../../src/auth/credentials.ts'

const logger = pino({ level: 'silent' })

function configOf(token: string): AuthConfig {
  const identity = { name: token, roles: new Set(['read' as const]), tenants: new Set(['a']) }
  return {
    tokens: [{ ...identity, sha256: sha256Of(token), expiresMs: undefined }],
    ...{ htpasswdFile: undefined, users: new Map(), oidc: undefined },
    ...{ hasPublicMetrics: false, auditTenant: undefined },
  }
}

test('a file that changes while the store waits to start is read again', async t => {
  const path = join(t.testdir(), 'skald.yaml')
  mkdirSync(join(path, '..'), { recursive: true })
  for (const isLate of [false, true]) {
    const state = { config: configOf('old'), passwords: new Map() }
    const authenticator = new Authenticator(state, { clock: Date, logger })
    await authenticator.use(state)
    writeFileSync(path, 'a file\n')
    let reads = 0
    const source = {
      path,
      // The file was written just now.
      readMs: Date.now() + (isLate ? -60_000 : 60_000),
      read: () => {
        reads++
        return configOf('new')
      },
    }
    const watch = new AuthWatch({ authenticator, source, logger, registry: new Registry() })
    await watch.check()
    await watch.check()
    await watch.close()
    t.equal(reads, isLate ? 1 : 0)
    const outcome = await authenticator.identify({ kind: 'token', token: 'old' }, true)
    t.equal('failure' in outcome!, isLate, 'a token that was removed')
  }
})
