// `skald token create`: makes a token, and what a store's configuration has of it.

import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { nsPerMs, parsePrometheusDuration, parseRfc3339 } from '@skald/go-dialect'
import { type Role, roles, sha256Of } from '@skald/store/auth'
import { stringify } from 'yaml'
import { UsageError } from './errors.ts'
import { tokenBytes } from './limits.ts'
import type { Terminal } from './terminal.ts'

export const tokenUsage = `skald token create --role ROLE [options]

Prints a new token on standard error, and on standard output the entry for auth.tokens in the configuration of a store.
The entry has only the SHA-256 of the token. The token itself is printed once and kept nowhere.

  --role ROLE         push, read, rules, delete or admin; several with commas, or --role again
  --tenant NAME       tenant, for a store with auth_enabled; several in the same way, '*' for all
  --name NAME         name in the log and in the audit (default the roles and the tenants)
  --expires WHEN      when it ends: 90d from now, or a time such as 2027-01-01T00:00:00Z (default never)
`

/** Runs the command. Returns the exit code. @throws UsageError if an argument is not valid. */
export function runTokenCommand(argv: readonly string[], terminal: Terminal): number {
  const { values, positionals } = parse(argv)
  const [action, ...rest] = positionals
  if (action !== 'create' || rest.length > 0) throw usage('skald token takes the word create')
  const given = (texts: readonly string[] = []) =>
    texts.flatMap(text => text.split(',')).flatMap(text => text.trim() || [])
  const [roleNames, tenants] = [given(values.role), given(values.tenant)]
  if (roleNames.length === 0) throw usage('--role is missing: what the token is for')
  const unknown = roleNames.find(name => !roles.includes(name as Role))
  if (unknown !== undefined) throw usage(`--role takes ${roles.join(', ')}, not ${unknown}`)
  const expires = values.expires === undefined ? undefined : readExpires(values.expires)
  const token = `skald_${randomBytes(tokenBytes).toString('base64url')}`
  const entry = {
    name: values.name ?? [...roleNames, ...tenants].join(' '),
    sha256: sha256Of(token),
    roles: roleNames,
    ...(tenants.length > 0 && { tenants }),
    ...(expires !== undefined && { expires }),
  }
  const yaml = stringify({ auth: { tokens: [entry] } }, { lineWidth: 0 })
  // On two streams, so that the entry can go into a file while a person sees the token.
  terminal.stderr.write(`${token}\n`)
  terminal.stdout.write(yaml)
  return 0
}

function readExpires(text: string): string {
  if (/^\d{4}-/.test(text)) {
    if (parseRfc3339(text) !== undefined) return text
  } else {
    try {
      const ms = Date.now() + Number(parsePrometheusDuration(text) / nsPerMs)
      return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
    } catch {
      // Refused below, with both forms.
    }
  }
  throw usage(`--expires takes 90d or a time such as 2027-01-01T00:00:00Z, not ${text}`)
}

function usage(message: string, options: ErrorOptions = {}): UsageError {
  return new UsageError(message, { ...options, usage: tokenUsage })
}

function parse(argv: readonly string[]) {
  const many = { type: 'string', multiple: true } as const
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { role: many, tenant: many, name: text, expires: text },
    })
  } catch (cause) {
    throw usage((cause as Error).message, { cause })
  }
}
