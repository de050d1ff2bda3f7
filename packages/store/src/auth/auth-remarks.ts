// What an operator should know about users and tokens before a store starts with them.

import { certificateSoonMs } from '../limits.ts'
import type { AuthConfig } from './auth-config.ts'
import { readAuthState } from './auth-watch.ts'

export { type Role, roles } from './auth-config.ts'
export { sha256Of } from './credentials.ts'

/**
 * Reads the file with the passwords, and finds what is probably a mistake: tokens that have expired or soon will, and
 * users without a password or without roles.
 *
 * @throws AuthFileError when the file cannot be used.
 */
export function authRemarks(config: AuthConfig, nowMs: number): string[] {
  const { passwords } = readAuthState(config)
  const { users, tokens, htpasswdFile } = config
  return [
    ...tokens.flatMap(({ name, expiresMs }) => {
      if (expiresMs === undefined || expiresMs - nowMs >= certificateSoonMs) return []
      const date = new Date(expiresMs).toISOString().slice(0, 10)
      return expiresMs <= nowMs
        ? [`the token ${name} has expired on ${date}: nobody can use it`]
        : [`the token ${name} expires on ${date}: renew it`]
    }),
    ...[...users.keys()]
      .filter(name => !passwords.has(name))
      .map(name => `the user ${name} has no password in ${htpasswdFile}: nobody can sign in so`),
    ...[...passwords.keys()]
      .filter(name => !users.has(name))
      .map(name => `the user ${name} of ${htpasswdFile} may do nothing: add it to auth.users`),
  ]
}
