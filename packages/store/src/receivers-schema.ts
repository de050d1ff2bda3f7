// The schema of the block `receivers`: ways in that are off unless they are configured. Loki has no such block.

import type { XStatic } from 'typebox/schema'
import { block, bytes, duration, flag, oneOf, text } from './schema-forms.ts'
import { clientAuthTypes } from './tls/tls-config.ts'

const listenerTlsSchema = {
  ...block({
    cert_file: text('File with the certificate, as PEM.', ''),
    key_file: text('File with its key, as PEM.', ''),
    client_auth_type: oneOf('Which certificates clients must present.', [
      '',
      ...clientAuthTypes,
    ] as const),
    client_ca_file: text('File with the authorities that sign certificates of clients.', ''),
  }),
  description:
    'TLS, over TCP: `cert_file`, `key_file`, `client_auth_type` and `client_ca_file`, as in server.http_tls_config.',
} as const

const labelsSchema = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'Labels of all lines. `job` is `syslog` unless it is here.',
  default: {},
} as const

/** One listener of syslog, with the names of Promtail's target. */
export const syslogSchema = block({
  listen_address: text('Where to listen, such as `0.0.0.0:1514`.', ''),
  listen_protocol: oneOf('`tcp` or `udp`.', ['tcp', 'udp']),
  tls_config: listenerTlsSchema,
  syslog_format: oneOf(
    'What messages are read as first: `rfc5424` or `rfc3164`. `auto` tells them apart by their beginning.',
    ['auto', 'rfc5424', 'rfc3164'],
  ),
  labels: labelsSchema,
  tenant: text('Tenant of the lines, with auth_enabled.', ''),
  use_incoming_timestamp: flag(
    'Take the time in the message. If false, the time of arrival, as in Promtail.',
    false,
  ),
  max_message_length: bytes('Longest message. A longer one is dropped.', '8KB'),
  idle_timeout: duration('How long a connection may be silent.', '2m'),
})

/** OTLP over gRPC. */
export const otlpGrpcSchema = block({
  endpoint: text(
    'Where to listen for OTLP over gRPC, such as `0.0.0.0:4317`; empty means not at all.',
    '',
  ),
  tls_config: listenerTlsSchema,
})

/** The whole block. */
export const receiversSchema = block({
  otlp: {
    ...block({
      grpc: {
        ...otlpGrpcSchema,
        description: 'OTLP over gRPC: `endpoint`, `tls_config`.',
      } as const,
    }),
    description: 'OTLP, in ways besides `/otlp/v1/logs`.',
  } as const,
  syslog: {
    type: 'array',
    items: syslogSchema,
    description:
      'Listeners for syslog, over TCP or UDP. Each has the keys of [`receivers.syslog[]`](#receiverssyslog).',
    default: [],
  } as const,
})

/** A listener as written, with the defaults filled in. */
export type RawSyslogReceiver = Omit<Required<XStatic<typeof syslogSchema>>, 'tls_config'> & {
  readonly tls_config: RawListenerTls
}

/** TLS of a listener as written. */
export type RawListenerTls = Required<XStatic<typeof listenerTlsSchema>>

/** The block with its defaults filled in. */
export interface RawReceivers {
  readonly otlp: {
    readonly grpc: { readonly endpoint: string; readonly tls_config: RawListenerTls }
  }
  readonly syslog: readonly RawSyslogReceiver[]
}
