// Resolves the tenant of a request, or the tenants of a query, from the header X-Scope-OrgID, like Loki.

import { ascending } from '@skald/wire'
import { BadRequestError } from '../errors.ts'
import { queryTenantsMax } from '../limits.ts'
import { tenantNameProblem } from '../tenant-name.ts'

/** Tenant of every request when `auth_enabled` is false; the name Loki uses. */
export const singleTenant = 'fake'

/** The tenants that a request reads: sorted, each once. */
export type Tenants = readonly [string, ...string[]]

/**
 * Resolves the tenant of a request. The same name several times is one tenant.
 * @throws BadRequestError 401 without a header, 400 when the name is too long or has invalid
 * characters, or when there are several tenants.
 */
export function resolveTenant(header: string | undefined, authEnabled: boolean): string {
  const [first, ...others] = readNames(header, authEnabled)
  if (others.some(name => name !== first)) throw new BadRequestError('multiple org IDs present')
  return checkedName(first)
}

/**
 * Resolves the tenants of a request that may read several: sorted, each once. Names are separated by `|`.
 * @throws BadRequestError like `resolveTenant`, and when there are too many tenants.
 */
export function resolveTenants(header: string | undefined, authEnabled: boolean): Tenants {
  const names = new Set(readNames(header, authEnabled).map(checkedName))
  if (names.size > queryTenantsMax) {
    throw new BadRequestError(
      `X-Scope-OrgID names ${names.size} tenants: a query reads at most ${queryTenantsMax}`,
    )
  }
  return [...names].sort(ascending) as unknown as Tenants
}

function readNames(header: string | undefined, authEnabled: boolean): [string, ...string[]] {
  if (!authEnabled) return [singleTenant]
  if (header === undefined || header === '')
    throw new BadRequestError('no org id', { code: 'TENANT_MISSING' })
  return header.split('|') as [string, ...string[]]
}

function checkedName(name: string): string {
  if (name === '') throw new BadRequestError('X-Scope-OrgID has a | without a tenant beside it')
  const problem = tenantNameProblem(name)
  if (problem !== undefined) throw new BadRequestError(problem)
  return name
}
