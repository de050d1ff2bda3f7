// The tenant of a live tail in a browser. A browser cannot send X-Scope-OrgID with a websocket, but it can ask for a
// subprotocol: `skald-tenant.` and the name, percent-encoded.

import type { FastifyRequest } from 'fastify'
import { BadRequestError } from '../errors.ts'

const protocolStart = 'skald-tenant.'

/**
 * Takes the tenant from the subprotocol if the request has no header X-Scope-OrgID.
 * @throws BadRequestError when the name cannot be read, or the request comes from a page of another server. Such a page
 * could not send the header either.
 */
export function takeProtocolTenant({ headers }: Pick<FastifyRequest, 'headers'>): void {
  const offered = String(headers['sec-websocket-protocol'] ?? '')
  const asked = offered.split(',').find(name => name.trim().startsWith(protocolStart))
  if (headers['x-scope-orgid'] !== undefined || asked === undefined) return
  const { origin, host } = headers
  if (origin !== undefined && hostOf(origin) !== host) {
    throw new BadRequestError(`a page of ${origin} may not read the lines of this store`)
  }
  headers['x-scope-orgid'] = decodeName(asked.trim().slice(protocolStart.length))
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new BadRequestError(`cannot read the tenant ID '${text}'`, { cause })
  }
}
