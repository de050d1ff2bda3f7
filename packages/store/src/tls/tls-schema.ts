// The schema of `server.http_tls_config`, with Loki's keys.

import type { XStatic } from 'typebox/schema'
import { block, oneOf, text } from '../schema-forms.ts'
import { clientAuthTypes } from './tls-config.ts'

export const httpTlsSchema = {
  ...block({
    cert_file: text(
      'File with the certificate of the server and of the authorities between, as PEM. It is read again when it changes.',
      '',
    ),
    key_file: text('File with the key of the certificate, as PEM.', ''),
    cert: text('The certificate itself, in the place of cert_file.', ''),
    // Any value, so that no message about a mistake shows it.
    key: {
      description: 'The key itself, in the place of key_file. A secret. It is never shown.',
      default: '',
    },
    client_auth_type: oneOf('Which certificates clients must present.', [
      '',
      ...clientAuthTypes,
    ] as const),
    client_ca_file: text(
      'File with the authorities that sign certificates of clients, as PEM.',
      '',
    ),
    client_ca: text('These authorities themselves, in the place of client_ca_file.', ''),
  }),
  description:
    'TLS of the HTTP server: docs/https.md. Without a certificate, the store speaks plain HTTP.',
} as const

/** The block with its defaults filled in. */
export type RawHttpTls = Required<XStatic<typeof httpTlsSchema>>
