// Resolves the block `auth` of a configuration, and reports every mistake in it.

import { parseRfc3339 } from '@skald/go-dialect'
import { authListMax } from '../limits.ts'
import { tenantNameProblem } from '../tenant-name.ts'
import {
  type AuthConfig,
  everyTenant,
  type Identity,
  type OidcConfig,
  type Role,
  roles,
  type TokenConfig,
} from './auth-config.ts'
import type { RawAuth } from './auth-schema.ts'

/** Reports a mistake in a key, by its path below `auth`. */
type Report = (key: string, message: string) => void

interface ResolveOptions {
  /** Whether tenants are told apart. If not, identities need none. */
  readonly authEnabled: boolean
  /** Whether the file names nobody. Entries with a mistake are not in `raw`. */
  readonly isEmpty: boolean
  readonly report: Report
}

/** Returns who may come in. The block must be in the file. */
export function resolveAuth(
  raw: RawAuth,
  { authEnabled, isEmpty, report }: ResolveOptions,
): AuthConfig {
  const read = new IdentityReader(authEnabled, report)
  const users = readUsers(raw, read, report)
  const tokens = readTokens(raw, read, report)
  const oidc = readOidc(raw.oidc, read, report)
  if (isEmpty) {
    report('tokens', 'nobody may come in: write users, tokens or oidc, or remove the block auth')
  }
  if (raw.audit_tenant !== '') {
    const problem = tenantNameProblem(raw.audit_tenant)
    if (problem !== undefined) report('audit_tenant', problem)
    else if (!authEnabled && raw.audit_tenant !== 'fake') {
      report('audit_tenant', 'without auth_enabled, the only tenant is fake')
    }
  }
  return {
    htpasswdFile: raw.htpasswd_file || undefined,
    ...{ users, tokens, oidc },
    hasPublicMetrics: raw.public_metrics,
    auditTenant: raw.audit_tenant || undefined,
  }
}

/** Reads what users, tokens and issuers have in common. */
class IdentityReader {
  readonly #authEnabled: boolean
  readonly #report: Report

  constructor(authEnabled: boolean, report: Report) {
    this.#authEnabled = authEnabled
    this.#report = report
  }

  identity(raw: Omit<Identity, 'roles' | 'tenants'> & RawNames, key: string): Identity {
    return {
      name: this.#name(raw.name, `${key}.name`),
      roles: this.roles(raw.roles, `${key}.roles`),
      tenants: this.tenants(raw.tenants, `${key}.tenants`),
    }
  }

  roles(names: readonly string[], key: string): ReadonlySet<Role> {
    const unknown = names.find(name => !roles.includes(name as Role))
    if (unknown !== undefined) {
      this.#report(key, `there is no role ${unknown}: write any of ${roles.join(', ')}`)
    } else if (names.length === 0) this.#report(key, `write at least one of ${roles.join(', ')}`)
    return new Set(names as readonly Role[])
  }

  tenants(names: readonly string[], key: string): ReadonlySet<string> {
    if (names.length > authListMax) this.#report(key, `at most ${authListMax} are allowed`)
    if (this.#authEnabled && names.length === 0) {
      this.#report(key, "write the tenants, or ['*'] for all")
    }
    for (const name of names) {
      const problem = name === '' ? 'a tenant has no name' : tenantNameProblem(name)
      if (name !== everyTenant && problem !== undefined) this.#report(key, problem)
    }
    if (!this.#authEnabled && names.length > 0 && !holdsTenant(names, 'fake')) {
      this.#report(key, 'without auth_enabled, the only tenant is fake: leave the list out')
    }
    return new Set(this.#authEnabled || names.length > 0 ? names : [everyTenant])
  }

  #name(name: string, key: string): string {
    if (name === '') this.#report(key, 'it is missing')
    // As in RFC 7617: a colon ends the name, and control characters are not sent.
    else if (/[:\p{Cc}]/u.test(name)) this.#report(key, 'it has a colon or a control character')
    return name
  }
}

interface RawNames {
  readonly roles: readonly string[]
  readonly tenants: readonly string[]
}

function holdsTenant(names: readonly string[], tenant: string): boolean {
  return names.includes(tenant) || names.includes(everyTenant)
}

function readUsers(raw: RawAuth, read: IdentityReader, report: Report): Map<string, Identity> {
  const users = new Map<string, Identity>()
  if (raw.users.length > authListMax) report('users', `at most ${authListMax} are allowed`)
  for (const [index, user] of raw.users.entries()) {
    const key = `users.${index}`
    const identity = read.identity(user, key)
    if (users.has(user.name)) report(`${key}.name`, `the user ${user.name} is there twice`)
    users.set(user.name, identity)
  }
  if (raw.users.length > 0 && raw.htpasswd_file === '') {
    report('htpasswd_file', 'it is missing: it has the passwords of the users')
  }
  if (raw.users.length === 0 && raw.htpasswd_file !== '') {
    report('users', 'write what the users of htpasswd_file may do')
  }
  return users
}

function readTokens(raw: RawAuth, read: IdentityReader, report: Report): TokenConfig[] {
  const seen = new Set<string>()
  if (raw.tokens.length > authListMax) report('tokens', `at most ${authListMax} are allowed`)
  return raw.tokens.map((token, index) => {
    const key = `tokens.${index}`
    const sha256 = String(token.sha256).toLowerCase()
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      report(`${key}.sha256`, 'write the SHA-256 of the token as 64 hex digits, not the token')
    } else if (seen.has(sha256)) report(`${key}.sha256`, 'the same token is there twice')
    seen.add(sha256)
    const expiresNs = token.expires === '' ? undefined : parseRfc3339(token.expires)
    if (token.expires !== '' && expiresNs === undefined) {
      report(`${key}.expires`, 'write a time such as 2027-01-01T00:00:00Z')
    }
    const expiresMs = expiresNs === undefined ? undefined : Number(expiresNs / 1_000_000n)
    return { ...read.identity(token, key), sha256, expiresMs }
  })
}

function readOidc(
  raw: RawAuth['oidc'],
  read: IdentityReader,
  report: Report,
): OidcConfig | undefined {
  if (raw.issuer === '') return undefined
  const checkUrl = (key: 'issuer' | 'jwks_url') => {
    const text = raw[key]
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return
    report(`oidc.${key}`, 'write a URL that begins with https://')
  }
  checkUrl('issuer')
  if (raw.jwks_url !== '') checkUrl('jwks_url')
  const audiences = [raw.audience].flat().filter(text => text !== '')
  if (audiences.length === 0) {
    report('oidc.audience', 'it is missing: without it, tokens for other programs would be taken')
  }
  if (raw.name_claim === '') report('oidc.name_claim', 'it is missing')
  const roleMapping = new Map(
    Object.entries(raw.role_mapping).map(
      ([value, names]) => [value, [...read.roles(names, `oidc.role_mapping.${value}`)]] as const,
    ),
  )
  if (raw.roles_claim === '' && roleMapping.size > 0) {
    report('oidc.role_mapping', 'it needs roles_claim')
  }
  if (raw.roles_claim !== '' && raw.roles.length > 0) {
    report('oidc.roles', 'remove it, or roles_claim: only one of them can say the roles')
  }
  if (raw.tenants_claim !== '' && raw.tenants.length > 0) {
    report('oidc.tenants', 'remove it, or tenants_claim: only one of them can say the tenants')
  }
  return {
    ...{ issuer: raw.issuer, audiences, roleMapping },
    keysUrl: raw.jwks_url || undefined,
    nameClaim: raw.name_claim,
    tenantsClaim: raw.tenants_claim,
    rolesClaim: raw.roles_claim,
    tenants: raw.tenants_claim === '' ? read.tenants(raw.tenants, 'oidc.tenants') : new Set(),
    roles: raw.roles_claim === '' ? read.roles(raw.roles, 'oidc.roles') : new Set(),
  }
}
