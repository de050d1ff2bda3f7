// Resolves the tenant of a request from the header X-Scope-OrgID, like Loki.

import { BadRequestError } from '../errors.ts'
import { tenantNameProblem } from '../tenant-name.ts'

/** Tenant of every request when `auth_enabled` is false; the name Loki uses. */
export const singleTenant = 'fake'

/**
 * Resolves the tenant of a request.
 * @throws BadRequestError 401 without a header, 400 when the name is too long or has invalid
 * characters.
 */
export function resolveTenant(header: string | undefined, authEnabled: boolean): string {
  if (!authEnabled) return singleTenant
  if (header === undefined || header === '')
    throw new BadRequestError('no org id', { code: 'TENANT_MISSING' })
  if (header.includes('|')) throw new BadRequestError('multiple org IDs present')
  const problem = tenantNameProblem(header)
  if (problem !== undefined) throw new BadRequestError(problem)
  return header
}
