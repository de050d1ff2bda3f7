// Where the samples of a tenant go, and how: the settings of the server with what limits_config says in their place.

import type {
  RemoteWriteConfig,
  RulerLimits,
  ServerAccess,
  ServerTls,
  SigV4Config,
} from '../ruler-config.ts'
import { HttpPoster } from './http-poster.ts'

/** A server as a tenant uses it. */
export interface WriteTarget {
  readonly config: RemoteWriteConfig
  readonly poster: HttpPoster
  /** What the server takes, as far as it is known. */
  readonly protocol: Protocol
}

interface Protocol {
  version: 1 | 2
}

/** The connections for one tenant. */
interface OwnTarget extends Omit<WriteTarget, 'config'> {
  /** What they were made from. Another one comes with each change of the limits. */
  readonly from: RemoteWriteConfig | undefined
  readonly sigv4: SigV4Config | undefined
}

/** The targets of all tenants at one server. */
export class WriteTargets {
  readonly #config: RemoteWriteConfig
  readonly #limitsOf: (tenant: string) => RulerLimits
  readonly #shared: Omit<WriteTarget, 'config'>
  readonly #own = new Map<string, OwnTarget>()

  constructor(config: RemoteWriteConfig, limitsOf: (tenant: string) => RulerLimits) {
    this.#config = config
    this.#limitsOf = limitsOf
    this.#shared = {
      poster: new HttpPoster(config.access),
      protocol: { version: config.version },
    }
  }

  /** Returns the target of a tenant with the limits of this moment. */
  of(tenant: string): WriteTarget {
    const limits = this.#limitsOf(tenant)
    const from = limits.remoteWriteClients?.get(this.#config.id)
    const sigv4 = limits.remoteWriteSigv4
    const config = configFor(this.#config, limits, from)
    const known = this.#own.get(tenant)
    if (known && (known.from !== from || known.sigv4 !== sigv4)) {
      known.poster.close()
      this.#own.delete(tenant)
    }
    if (!from && !sigv4) return { config, ...this.#shared }
    const own = this.#own.get(tenant) ?? {
      ...{ from, sigv4 },
      ...{ poster: new HttpPoster(config.access), protocol: { version: config.version } },
    }
    this.#own.set(tenant, own)
    return { config, poster: own.poster, protocol: own.protocol }
  }

  close(): void {
    this.#shared.poster.close()
    for (const { poster } of this.#own.values()) poster.close()
  }
}

/** As in Loki, the older keys of a tenant count before its client of the same name. */
function configFor(
  config: RemoteWriteConfig,
  limits: RulerLimits,
  client: RemoteWriteConfig | undefined,
): RemoteWriteConfig {
  const older = {
    ...config,
    url: limits.remoteWriteUrl ?? config.url,
    timeoutMs: limits.remoteWriteTimeoutMs ?? config.timeoutMs,
    headers: limits.remoteWriteHeaders ?? config.headers,
    relabelRules: limits.remoteWriteRelabelRules ?? config.relabelRules,
    access: { ...config.access, sigv4: limits.remoteWriteSigv4 ?? config.access.sigv4 },
  }
  if (!client) return older
  return {
    ...client,
    headers: client.headers.size > 0 ? client.headers : older.headers,
    relabelRules: client.relabelRules.length > 0 ? client.relabelRules : older.relabelRules,
    access: joinAccess(older.access, client.access),
  }
}

function joinAccess(common: ServerAccess, own: ServerAccess): ServerAccess {
  // A server has one way to see who comes.
  const hasLogin = Boolean(own.basicAuth ?? own.authorization ?? own.sigv4)
  const { basicAuth, authorization, sigv4 } = hasLogin ? own : common
  return { basicAuth, authorization, sigv4, tls: joinTls(common.tls, own.tls) }
}

function joinTls(common: ServerTls, own: ServerTls): ServerTls {
  return {
    caFile: own.caFile || common.caFile,
    certFile: own.certFile || common.certFile,
    keyFile: own.keyFile || common.keyFile,
    serverName: own.serverName || common.serverName,
    isUnverified: own.isUnverified || common.isUnverified,
    minVersion: own.minVersion || common.minVersion,
    ciphers: own.ciphers ?? common.ciphers,
  }
}
