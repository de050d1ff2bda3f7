// Resolves the tenant of a request from the header X-Scope-OrgID, like Loki.

import { BadRequestError } from '../errors.ts'
import { tenantNameBytesMax } from '../limits.ts'

/** Tenant of every request when `auth_enabled` is false; the name Loki uses. */
export const singleTenant = 'fake'

const allowedText = /^[A-Za-z0-9!\-_.*'()]+$/

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
  if (header.length > tenantNameBytesMax) {
    throw new BadRequestError(`tenant ID is too long: max ${tenantNameBytesMax} characters`)
  }
  if (header === '.' || header === '..') {
    throw new BadRequestError("tenant ID is '.' or '..'")
  }
  if (!allowedText.test(header)) {
    const bad = [...header].find(char => !allowedText.test(char))
    throw new BadRequestError(`tenant ID '${header}' contains unsupported character '${bad}'`)
  }
  return header
}
