// The resolved settings of receivers that listen on separate ports.

import type { TlsConfig } from './tls/tls-config.ts'

/** Where to listen. Without a host, on all addresses. */
export interface ReceiverAddress {
  readonly host: string | undefined
  readonly port: number
}

/** One listener of syslog. */
export interface SyslogReceiverConfig {
  readonly address: ReceiverAddress
  readonly protocol: 'tcp' | 'udp'
  readonly tls: TlsConfig | undefined
  readonly format: 'rfc5424' | 'rfc3164'
  readonly labels: Readonly<Record<string, string>>
  /** Empty in a store without tenants. */
  readonly tenant: string
  readonly usesIncomingTime: boolean
  readonly messageBytesMax: number
  readonly idleTimeoutMs: number
}

/** OTLP over gRPC. */
export interface OtlpGrpcConfig {
  readonly address: ReceiverAddress
  readonly tls: TlsConfig | undefined
}

/** All receivers that are configured. */
export interface ReceiversConfig {
  /** `undefined` if it is off. */
  readonly otlpGrpc: OtlpGrpcConfig | undefined
  readonly syslog: readonly SyslogReceiverConfig[]
}
