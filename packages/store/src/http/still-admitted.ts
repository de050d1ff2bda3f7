// Answers and bodies may last for days. Meanwhile a token may end, or a user may lose a role or a tenant.

import type { FastifyRequest } from 'fastify'
import { AccessError } from '../errors.ts'

/** Why a tail, an export or an upload ends early. */
export const accessHasEnded = 'the token or the user of this request has ended'

/** Returns whether the client of a request may still do what it does. Everybody may if no users are configured. */
export function isStillAdmitted(request: FastifyRequest): boolean {
  return request.isStillAdmitted?.() !== false
}

/**
 * Is called before each part of a request that lasts.
 * @param done What was done before, for the client.
 * @throws AccessError when the token or the user of the request has ended meanwhile.
 */
export function checkStillAdmitted(request: FastifyRequest, done: string): void {
  if (isStillAdmitted(request)) return
  throw new AccessError(`${accessHasEnded}; ${done}`, 'ACCESS_UNKNOWN')
}
