// The schema of the block `server`: where the store listens, for how long it waits, and what it logs.

import { logFormats } from '@skald/wire'
import type { XStatic } from 'typebox/schema'
import { block, count, duration, flag, oneOf, text } from './schema-forms.ts'
import { withUnfollowed } from './settings/unfollowed.ts'
import { httpTlsSchema, type RawHttpTls } from './tls/tls-schema.ts'

/** The whole block. */
export const serverSchema = withUnfollowed(
  block({
    http_listen_address: text('Address the HTTP server listens on; empty means all addresses.', ''),
    http_listen_port: {
      ...count('Port of the HTTP server; 0 picks a free port.', 3100),
      maximum: 65535,
    },
    http_path_prefix: text('Prefix for all routes.', ''),
    http_listen_conn_limit: count('Maximum number of open connections; 0 means no limit.', 0),
    http_server_read_timeout: duration(
      'How long the headers of a request may take, and how long its body may pause.',
      '30s',
    ),
    http_server_read_header_timeout: duration(
      'How long the headers alone may take; 0 means http_server_read_timeout.',
      '0s',
    ),
    http_server_idle_timeout: duration(
      'How long an idle connection stays open; 0 means http_server_read_timeout.',
      '2m',
    ),
    log_level: oneOf('Lowest level to log.', ['info', 'debug', 'warn', 'error']),
    log_format: oneOf('Format of the log on standard error.', logFormats),
    register_instrumentation: flag('Serve /metrics.', true),
    http_tls_config: httpTlsSchema,
    tls_cipher_suites: text(
      'Cipher suites of TLS 1.2 that the HTTP server allows, with the names of Go, separated by commas; empty means all safe ones.',
      '',
    ),
    tls_min_version: text(
      'Lowest version of TLS: VersionTLS12 or VersionTLS13; empty means VersionTLS12.',
      '',
    ),
  }),
  'server',
)

/** The block with its defaults filled in. */
export type RawServer = Omit<Required<XStatic<typeof serverSchema>>, 'http_tls_config'> & {
  readonly http_tls_config: RawHttpTls
}
