// Resolves the block `receivers`.

import { parseWrittenDuration } from '@skald/config-reading'
import { nsPerMs, parseConfigBytes } from '@skald/go-dialect'
import { isLabelName } from '@skald/wire'
import type { RawStoreConfig } from './config-schema.ts'
import { syslogMessageBytesMax } from './limits.ts'
import type {
  OtlpGrpcConfig,
  ReceiverAddress,
  ReceiversConfig,
  SyslogReceiverConfig,
} from './receivers-config.ts'
import type { RawListenerTls, RawReceivers, RawSyslogReceiver } from './receivers-schema.ts'
import { resolveTls } from './tls/resolve-tls.ts'
import type { TlsConfig } from './tls/tls-config.ts'

/** Reports a mistake in a key of a block. */
type Report = (block: string, key: string, message: string) => void

/** Returns the receivers of a configuration. */
export function resolveReceivers(
  { receivers, auth_enabled: authEnabled }: RawStoreConfig,
  report: Report,
): ReceiversConfig {
  return {
    otlpGrpc: resolveOtlpGrpc(receivers.otlp.grpc, (key, message) =>
      report('receivers.otlp.grpc', key, message),
    ),
    syslog: receivers.syslog.map((raw, i) =>
      resolveSyslog(raw, authEnabled, (key, message) =>
        report('receivers.syslog', `${i}.${key}`, message),
      ),
    ),
  }
}

function resolveOtlpGrpc(
  { endpoint, tls_config }: RawReceivers['otlp']['grpc'],
  report: ReportKey,
): OtlpGrpcConfig | undefined {
  const tls = resolveListenerTls(tls_config, report)
  if (endpoint === '') {
    if (tls) report('endpoint', 'it is missing: write an address such as 0.0.0.0:4317')
    return undefined
  }
  return { address: resolveAddress(endpoint, message => report('endpoint', message)), tls }
}

type ReportKey = (key: string, message: string) => void

function resolveSyslog(
  raw: RawSyslogReceiver,
  authEnabled: boolean,
  report: ReportKey,
): SyslogReceiverConfig {
  const messageBytesMax = parseConfigBytes(String(raw.max_message_length))
  if (messageBytesMax < 1 || messageBytesMax > syslogMessageBytesMax) {
    report('max_message_length', `write a size from 1B to ${syslogMessageBytesMax}B`)
  }
  for (const name of Object.keys(raw.labels)) {
    if (!isLabelName(name)) report('labels', `${JSON.stringify(name)} is no name of a label`)
  }
  const tls = resolveListenerTls(raw.tls_config, report)
  if (tls && raw.listen_protocol === 'udp') report('tls_config', 'it needs listen_protocol tcp')
  return {
    address: resolveAddress(raw.listen_address, message => report('listen_address', message)),
    protocol: raw.listen_protocol,
    tls,
    format: raw.syslog_format === 'rfc3164' ? 'rfc3164' : 'rfc5424',
    labels: { job: 'syslog', ...raw.labels },
    tenant: resolveReceiverTenant(raw.tenant, authEnabled, message => report('tenant', message)),
    usesIncomingTime: raw.use_incoming_timestamp,
    messageBytesMax,
    idleTimeoutMs: Number(parseWrittenDuration(raw.idle_timeout) / nsPerMs),
  }
}

/** Reads `host:port`, `:port` or `[::1]:port`. */
export function resolveAddress(text: string, report: (message: string) => void): ReceiverAddress {
  const found = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const port = Number(found?.[3])
  if (!found || port > 65_535) {
    report(
      text === ''
        ? 'it is missing: write an address such as 0.0.0.0:1514'
        : `must be an address such as 0.0.0.0:1514 or :1514, found ${JSON.stringify(text)}`,
    )
  }
  return { host: found?.[1] || found?.[2] || undefined, port: found ? port : 0 }
}

/** Returns the tenant of a listener, whose senders cannot name one. */
export function resolveReceiverTenant(
  tenant: string,
  authEnabled: boolean,
  report: (message: string) => void,
): string {
  if (!authEnabled && tenant !== '') {
    report('auth_enabled is false, so there are no tenants: remove it')
  }
  if (authEnabled && tenant === '') {
    report('it is missing: with auth_enabled, write the tenant of these lines')
  }
  return tenant
}

/** Returns TLS of a listener; `undefined` without a certificate. */
export function resolveListenerTls(raw: RawListenerTls, report: ReportKey): TlsConfig | undefined {
  const { cert_file, key_file, client_auth_type, client_ca_file } = raw
  return resolveTls(
    {
      http_tls_config: {
        ...{ cert_file, key_file, client_auth_type, client_ca_file },
        ...{ cert: '', key: '', client_ca: '' },
      },
      tls_cipher_suites: '',
      tls_min_version: '',
    },
    (key, message) => report(key.replace('http_tls_config', 'tls_config'), message),
  )
}
