// The schema of the block `auth`, which Loki does not have.

import type { XStatic } from 'typebox/schema'
import { block, flag, text, texts } from '../schema-forms.ts'

const rolesText = 'push, read, rules, delete and admin'

const userSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', default: '', description: 'Name in the htpasswd file.' },
    roles: texts(`What the user may do: any of ${rolesText}.`, []),
    tenants: texts('The tenants of the user; `*` for all. Not needed without auth_enabled.', []),
  },
  additionalProperties: false,
} as const

const tokenSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', default: '', description: 'Name in the log and in the audit.' },
    // Any value, so that no message about a mistake shows a token that is here by mistake.
    sha256: {
      default: '',
      description:
        'SHA-256 of the token, in hex. `skald token create` makes both. The token itself is nowhere.',
    },
    roles: texts(`What the holder may do: any of ${rolesText}.`, []),
    tenants: texts('The tenants of the holder; `*` for all. Not needed without auth_enabled.', []),
    expires: text(
      'When the token ends, such as `2027-01-01T00:00:00Z`; empty means that it does not.',
      '',
    ),
  },
  additionalProperties: false,
} as const

const roleMappingSchema = {
  type: 'object',
  additionalProperties: { type: 'array', items: { type: 'string' } },
  description:
    'Roles for the values of roles_claim, such as `{log-readers: [read]}`. Without it, the values are the roles.',
  default: {},
} as const

export const oidcSchema = {
  ...block({
    issuer: text('URL of the issuer, as its tokens have it in `iss`. Empty means none.', ''),
    audience: {
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
      description: 'What `aud` of a token must name, or a list of which one must be there.',
      default: '',
    },
    jwks_url: text(
      'URL of the keys of the issuer. Without it, `/.well-known/openid-configuration` of the issuer says so.',
      '',
    ),
    name_claim: text('Claim with the name for the log and the audit.', 'sub'),
    tenants_claim: text(
      'Claim with the tenants: a list, or a text with spaces between. `a.b` is b in a. Without it, all have `tenants`.',
      '',
    ),
    roles_claim: text('Claim with the roles, in the same forms. Without it, all have `roles`.', ''),
    role_mapping: roleMappingSchema,
    tenants: texts('Tenants of all, without tenants_claim; `*` for all.', []),
    roles: texts(`Roles of all, without roles_claim: any of ${rolesText}.`, []),
  }),
  description: 'Lets the holders of JSON Web Tokens of an OpenID issuer in.',
} as const

/** The whole block. */
export const authSchema = {
  ...block({
    htpasswd_file: text(
      'File with names and passwords of users, as `htpasswd -B` writes it: bcrypt, or scrypt as `$scrypt$ln=15,r=8,p=1$SALT$HASH`. It is read again when it changes.',
      '',
    ),
    users: {
      type: 'array',
      items: userSchema,
      description: 'What users of htpasswd_file may do.',
      default: [],
    },
    tokens: {
      type: 'array',
      items: tokenSchema,
      description: 'Bearer tokens.',
      default: [],
    },
    oidc: oidcSchema,
    public_metrics: flag('Let everybody read /metrics. Otherwise it needs the role admin.', false),
    audit_tenant: text(
      'Tenant that gets the lines of the audit as a stream; empty means that only the log has them.',
      '',
    ),
  }),
  description:
    'Who may come in: docs/security.md. Without this block, everybody may. It is read again when the file changes.',
} as const

/** Lists in the block whose items are maps, by their path. */
export const authItemSchemas = { 'auth.users[]': userSchema, 'auth.tokens[]': tokenSchema } as const

interface RawUser {
  readonly name: string
  readonly roles: readonly string[]
  readonly tenants: readonly string[]
}

/** The block with its defaults filled in. */
export type RawAuth = Omit<Required<XStatic<typeof authSchema>>, 'oidc' | 'users' | 'tokens'> & {
  readonly users: readonly RawUser[]
  readonly tokens: readonly (RawUser & { readonly sha256: unknown; readonly expires: string })[]
  readonly oidc: Omit<Required<XStatic<typeof oidcSchema>>, 'audience' | 'role_mapping'> & {
    readonly audience: string | readonly string[]
    readonly role_mapping: Readonly<Record<string, readonly string[]>>
  }
}
