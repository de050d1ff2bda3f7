// Who may come in, as resolved from the configuration.

/**
 * What an identity may do. A role holds no other one.
 *
 * `push`: write lines. `read`: queries, labels, live tails. `rules`: read and write rules. `delete`: delete requests.
 * `admin`: what concerns the store as a whole, such as /config, /flush, /log_level and /metrics.
 */
export const roles = ['push', 'read', 'rules', 'delete', 'admin'] as const
export type Role = (typeof roles)[number]

/** Stands for all tenants in a list of tenants. */
export const everyTenant = '*'

/** Someone who has shown who they are. */
export interface Identity {
  readonly name: string
  readonly roles: ReadonlySet<Role>
  /** May contain `everyTenant`. */
  readonly tenants: ReadonlySet<string>
}

/** A bearer token. The token itself is nowhere. */
export interface TokenConfig extends Identity {
  /** Of the token, in lower-case hex. */
  readonly sha256: string
  /** In ms since 1970; `undefined` for never. */
  readonly expiresMs: number | undefined
}

/** An issuer of JSON Web Tokens. */
export interface OidcConfig {
  readonly issuer: string
  readonly audiences: readonly string[]
  /** `undefined` if the issuer says where its keys are. */
  readonly keysUrl: string | undefined
  readonly nameClaim: string
  /** Empty if all identities have `tenants`. */
  readonly tenantsClaim: string
  /** Empty if all identities have `roles`. */
  readonly rolesClaim: string
  /** What the values of the claim stand for; empty if they are roles themselves. */
  readonly roleMapping: ReadonlyMap<string, readonly Role[]>
  readonly tenants: ReadonlySet<string>
  readonly roles: ReadonlySet<Role>
}

export interface AuthConfig {
  /** File with the passwords of users; `undefined` if there are none. */
  readonly htpasswdFile: string | undefined
  /** Users by name. A user of the htpasswd file who is not here may do nothing. */
  readonly users: ReadonlyMap<string, Identity>
  readonly tokens: readonly TokenConfig[]
  readonly oidc: OidcConfig | undefined
  /** Whether everybody may read /metrics. */
  readonly hasPublicMetrics: boolean
  /** Tenant that gets the lines of the audit; `undefined` if only the log does. */
  readonly auditTenant: string | undefined
}
