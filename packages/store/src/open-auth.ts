// Opens the guard of a store, if its configuration says who may come in. Its code is loaded only then.

import { createLabelSet, formatLabelSet, type PushStream, PushStreamBuilder } from '@skald/wire'
import type { Logger } from 'pino'
import type { AuditLine } from './auth/audit.ts'
import type { TokenConfig } from './auth/auth-config.ts'
import type { AuthSource } from './auth/auth-watch.ts'
import type { StoreConfig } from './config.ts'
import type { StoreMetrics } from './metrics.ts'

export interface AuthParts {
  readonly config: StoreConfig
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly metrics: StoreMetrics
  readonly source: AuthSource | undefined
  /** Token of the agent in the same process. */
  readonly ownToken: string | undefined
  /** Commits streams of a tenant. */
  readonly push: (tenant: string, streams: readonly PushStream[]) => Promise<void>
}

/** Labels of the audit's stream. */
const auditLabels = formatLabelSet(createLabelSet({ job: 'skald/audit', service_name: 'skald' }))

/**
 * Returns the guard and what its routes need; `undefined` if everybody may come in.
 * @throws AuthFileError when the passwords of the users cannot be read.
 */
export async function openAuth(parts: AuthParts) {
  const { config, logger, clock, metrics, source } = parts
  sayWhoMayComeIn(config, logger)
  if (!config.auth) return undefined
  const [
    { Authenticator },
    { AuthWatch, readAuthState },
    { Audit },
    { FailedTries },
    { Sessions },
    { AuthGuard },
    { addSignInRoutes },
    { sha256Of },
  ] = await Promise.all([
    import('./auth/authenticator.ts'),
    import('./auth/auth-watch.ts'),
    import('./auth/audit.ts'),
    import('./auth/failed-tries.ts'),
    import('./auth/sessions.ts'),
    import('./http/auth-guard.ts'),
    import('./http/sign-in-routes.ts'),
    import('./auth/credentials.ts'),
  ])
  const { registry } = metrics
  const state = readAuthState(config.auth)
  const ownToken = parts.ownToken === undefined ? undefined : ownTokenOf(sha256Of(parts.ownToken))
  const authenticator = new Authenticator(state, { clock, logger, ownToken })
  await authenticator.use(state)
  const audit = new Audit({
    ...{ logger, clock },
    tenant: () => authenticator.config.auditTenant,
    push: (tenant, lines) => parts.push(tenant, [auditStream(lines)]),
  })
  const sessions = new Sessions(clock)
  const { authEnabled, httpPathPrefix: prefix } = config
  const tries = new FailedTries(clock)
  const guard = new AuthGuard({
    ...{ authenticator, tries, sessions, audit, registry, authEnabled, prefix },
  })
  const watch = new AuthWatch({ authenticator, source, logger, registry })
  return {
    ...{ guard, sessions, audit, addSignInRoutes },
    /** Returns who may come in now. */
    current: () => authenticator.config,
    close: async () => {
      await watch.close()
      await audit.close()
      await authenticator.close()
    },
  }
}

/** What `openAuth` returns. */
export type OpenAuth = NonNullable<Awaited<ReturnType<typeof openAuth>>>

/** Says once what an operator may not expect of an address that others can reach. */
function sayWhoMayComeIn({ auth, tls, listenAddress }: StoreConfig, logger: Logger): void {
  if (/^(localhost|127\.|::1$)/.test(listenAddress)) return
  if (!auth && tls?.clientAuth !== 'RequireAndVerifyClientCert') {
    logger.info('everybody who reaches this address may read and write: docs/security.md')
  } else if (auth && !tls) {
    logger.info('passwords and tokens are not encrypted on their way: docs/https.md')
  }
}

function ownTokenOf(sha256: string): TokenConfig {
  const [roles, tenants] = [new Set(['push'] as const), new Set(['*'])]
  return { name: 'agent of this process', sha256, roles, tenants, expiresMs: undefined }
}

function auditStream(lines: readonly AuditLine[]): PushStream {
  const builder = new PushStreamBuilder()
  let offset = 0
  for (const { timeMs, text } of lines) {
    const length = Buffer.byteLength(text)
    builder.add(Math.floor(timeMs / 1000), (timeMs % 1000) * 1_000_000, offset, length)
    offset += length
  }
  builder.endStream(auditLabels, Buffer.from(lines.map(({ text }) => text).join('')))
  return builder.build()[0]!
}
