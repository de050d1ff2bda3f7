// The flags of `skald store`, named like Loki's.

import type { GoFlag } from '@skald/go-dialect'

const text = (description: string): GoFlag => ({ kind: 'text', description })
const boolean = (description: string): GoFlag => ({ kind: 'boolean', description })
const number = (description: string): GoFlag => ({ kind: 'number', description })

/** Every flag that the store accepts, by its name without dashes. */
export const storeFlags: Readonly<Record<string, GoFlag>> = {
  'config.file': text('Configuration file; of several, separated by commas, the first that exists'),
  'config.expand-env': boolean('Replace ${NAME} in the configuration by the environment'),
  'verify-config': boolean('Check the configuration and exit'),
  version: boolean('Print the version and exit'),
  'print-config-stderr': boolean('Print to stderr what is in force'),
  'log-config-reverse-order': { kind: 'boolean', description: '', isIgnored: true },
  target: text('all, as a store does everything; what is only a part of Loki is refused'),
  'log.level': text('debug, info, warn or error'),
  'log.format': text('logfmt or json'),
  'auth.enabled': boolean('Take the tenant from X-Scope-OrgID'),
  'common.path-prefix': text('Directory of all data'),
  'server.http-listen-address': text('Address of the HTTP server; empty for all'),
  'server.http-listen-port': number('Port of the HTTP server'),
  'server.path-prefix': text('Prefix of all routes'),
  'server.grpc-listen-port': { kind: 'number', description: '', isIgnored: true },
}
