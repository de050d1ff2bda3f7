// The resolved settings of the ruler.

import type { RelabelRule } from '@skald/config-reading/relabel'

/** What the connections to one server need beyond its address. */
export interface ServerAccess {
  readonly basicAuth: { readonly username: string; readonly password: SecretText } | undefined
  /** The header Authorization, apart from basicAuth. */
  readonly authorization: { readonly type: string; readonly credentials: SecretText } | undefined
  /** Signatures for AWS, in the place of the other two. */
  readonly sigv4?: SigV4Config | undefined
  readonly tls: ServerTls
}

/** How requests are signed for AWS. Empty texts mean what the AWS SDK finds in its usual places. */
export interface SigV4Config {
  readonly region: string
  readonly accessKey: string
  readonly secretKey: string
  /** Name of a profile in the files of the AWS command line. */
  readonly profile: string
  /** Role to take on; empty for none. */
  readonly roleArn: string
  readonly externalId: string
  /** Whether roles are asked for at AWS's endpoints for FIPS 140. */
  readonly isFipsSts: boolean
  /** Name of the service in the signature, such as `aps`. */
  readonly service: string
}

/** A secret as written, or the file to read it from before each request. */
export type SecretText = { readonly text: string } | { readonly file: string }

export interface ServerTls {
  /** Empty for the certificates of the system. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly serverName: string
  readonly isUnverified: boolean
  /** Oldest accepted version, such as `TLSv1.2`; empty for Node's default. */
  readonly minVersion: string
  /** OpenSSL's list of cipher suites; absent for Node's default. */
  readonly ciphers?: string | undefined
}

/** Where alerts go. */
export interface AlertmanagerConfig {
  /** Without credentials; each with a path that requests are sent below. */
  readonly servers: readonly { readonly url: string; readonly access: ServerAccess }[]
  /** How often to look up the hosts of the servers, which are names of SRV records; absent if they are addresses. */
  readonly discoveryMs: number | undefined
  readonly queueCapacity: number
  readonly timeoutMs: number
  readonly relabelRules: readonly RelabelRule[]
}

/** A server that recorded series are written to. */
export interface RemoteWriteConfig {
  /** Its name in the file. */
  readonly id: string
  readonly url: string
  readonly access: ServerAccess
  readonly timeoutMs: number
  readonly headers: ReadonlyMap<string, string>
  /** Version of the protocol. */
  readonly version: 1 | 2
  readonly relabelRules: readonly RelabelRule[]
  readonly samplesPerSend: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
}

/** A receiver of notifications that is not an Alertmanager. */
export interface WebhookConfig {
  readonly name: string
  readonly kind: 'slack' | 'generic'
  readonly url: SecretText
  readonly access: ServerAccess
  readonly headers: ReadonlyMap<string, string>
  readonly sendsResolved: boolean
  readonly timeoutMs: number
}

/** The settings of the ruler; a store without one has none. */
export interface RulerConfig {
  /** Directory with the directories of the tenants; empty for none. */
  readonly directory: string
  readonly pollMs: number
  readonly evaluationMs: number
  readonly externalUrl: string
  readonly externalLabels: ReadonlyMap<string, string>
  readonly datasourceUid: string
  readonly outageToleranceMs: number
  readonly graceMs: number
  readonly resendDelayMs: number
  readonly hasApi: boolean
  /** Empty for all. */
  readonly enabledTenants: readonly string[]
  readonly disabledTenants: readonly string[]
  readonly hasGroupLabel: boolean
  readonly alertmanager: AlertmanagerConfig
  readonly remoteWrite: {
    readonly clients: readonly RemoteWriteConfig[]
    readonly sendsTenant: boolean
  }
  readonly webhooks: readonly WebhookConfig[]
  /** Hosts that webhooks may reach. */
  readonly webhookHosts: readonly string[]
}

/** Settings of the ruler that single tenants may have. */
export interface RulerLimits {
  /** 0 for no limit. */
  readonly rulesPerGroupMax: number
  readonly groupsMax: number
  readonly isRemoteWriteOff: boolean
  /** In the place of that of the ruler; absent for the same. */
  readonly alertmanager: AlertmanagerConfig | undefined
  /** In the place of those of every client; absent for the same. */
  readonly remoteWriteUrl: string | undefined
  readonly remoteWriteTimeoutMs: number | undefined
  readonly remoteWriteHeaders: ReadonlyMap<string, string> | undefined
  readonly remoteWriteRelabelRules: readonly RelabelRule[] | undefined
  /** For every client, in the place of its login; absent for that login. */
  readonly remoteWriteSigv4: SigV4Config | undefined
  /** In the place of the ruler's clients of the same names. */
  readonly remoteWriteClients: ReadonlyMap<string, RemoteWriteConfig> | undefined
}

/** Returns true if a host is in a list, or below a domain in it (`*.example.org`). */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  const name = host.toLowerCase()
  return allowed.some(entry => {
    const wanted = entry.toLowerCase()
    return wanted.startsWith('*.') ? name.endsWith(wanted.slice(1)) : name === wanted
  })
}
