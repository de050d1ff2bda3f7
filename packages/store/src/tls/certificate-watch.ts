// Reads the files of the certificate again when they change, and says when it expires. Open connections go on with the
// certificate they began with.

import { statSync } from 'node:fs'
import type { Server } from 'node:https'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import { secondsPerDay } from '../day.ts'
import { certificateCheckMs } from '../limits.ts'
import { type Certificate, expiryWarning, readCertificate } from './certificate.ts'
import type { TlsConfig } from './tls-config.ts'

export interface CertificateWatchParts {
  readonly config: TlsConfig
  /** The certificate that the server began with. */
  readonly certificate: Certificate
  readonly server: Pick<Server, 'setSecureContext'>
  readonly logger: Logger
  /** Gets a gauge of the days that are left, if this is the certificate of the HTTP server. */
  readonly registry?: Registry
}

/** Lets a server use new files when they change. */
export class CertificateWatch {
  readonly #parts: CertificateWatchParts
  readonly #timer: NodeJS.Timeout
  #certificate: Certificate
  #seen: string

  constructor(parts: CertificateWatchParts) {
    this.#parts = parts
    this.#certificate = parts.certificate
    this.#seen = versionOf(parts.config)
    this.#warn()
    this.#timer = setInterval(() => this.check(), certificateCheckMs)
    this.#timer.unref()
    if (!parts.registry) return
    const daysLeft = () => (this.#certificate.expiresMs - Date.now()) / 1000 / secondsPerDay
    new Gauge({
      name: 'skald_tls_certificate_days_left',
      help: 'Days until the certificate of the HTTP server expires; below 0 if it has',
      registers: [parts.registry],
      collect() {
        this.set(daysLeft())
      },
    })
  }

  /** Reads the files if they have changed. If they cannot be used, this is logged, and those before stay in use. */
  check(): void {
    const { config, server, logger } = this.#parts
    const version = versionOf(config)
    if (version === this.#seen) return
    this.#seen = version
    try {
      this.#certificate = readCertificate(config)
      server.setSecureContext(this.#certificate.context)
      logger.info('the certificate was read again')
      this.#warn()
    } catch (error) {
      logger.error({ err: error }, 'the new certificate is not used; the one before stays')
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
  }

  #warn(): void {
    const warning = expiryWarning(this.#certificate)
    if (warning) this.#parts.logger.warn(warning)
  }
}

/** Names the present state of the files. A Secret that Kubernetes replaces is another file behind the same link. */
function versionOf({ cert, key, clientCa }: TlsConfig): string {
  return [cert, key, clientCa]
    .map(source => {
      if (!source || 'text' in source) return ''
      const stats = statSync(source.file, { throwIfNoEntry: false, bigint: true })
      return stats ? `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}` : 'gone'
    })
    .join(' ')
}
