// The audit: who changed or deleted what, and who failed to sign in. Each line is JSON. The log gets it, and a tenant's
// stream if the configuration names one.

import type { Logger } from 'pino'
import { auditCharsMax, auditQueueMax } from '../limits.ts'

/** What happened. Texts are cut at `auditCharsMax`. */
export interface AuditEvent {
  readonly event: 'signed_in' | 'sign_in_failed' | 'signed_out' | 'delete' | 'rules' | 'admin'
  /** Who did it; absent if nobody knows. */
  readonly name?: string | undefined
  readonly tenant?: string | undefined
  readonly address: string
  readonly method: string
  /** Without its query string. */
  readonly path: string
  readonly status: number
  /** Why it failed. */
  readonly reason?: string | undefined
  /** What the request asked for, such as the query of a delete request. */
  readonly params?: Readonly<Record<string, string>> | undefined
}

export interface AuditParts {
  readonly logger: Logger
  readonly clock: { now(): number }
  /** Returns the tenant of the stream, if there is one. */
  readonly tenant: () => string | undefined
  /** Commits lines to the stream of a tenant, with their times in ms. */
  readonly push: (tenant: string, lines: readonly AuditLine[]) => Promise<void>
}

export interface AuditLine {
  readonly timeMs: number
  readonly text: string
}

export class Audit {
  readonly #parts: AuditParts
  #waiting: AuditLine[] = []
  #pushing: Promise<void> | undefined

  constructor(parts: AuditParts) {
    this.#parts = parts
  }

  /** Writes a line. */
  write(event: AuditEvent): void {
    const { logger, clock, tenant } = this.#parts
    const timeMs = clock.now()
    const cut = (_key: string, value: unknown) =>
      typeof value === 'string' ? value.slice(0, auditCharsMax) : value
    const text = JSON.stringify({ time: new Date(timeMs).toISOString(), ...event }, cut)
    logger.info({ audit: true }, text)
    if (tenant() === undefined) return
    if (this.#waiting.length >= auditQueueMax) {
      logger.error('a line of the audit is in the log only: too many wait for the store')
      return
    }
    this.#waiting.push({ timeMs, text })
    this.#pushing ??= this.#push().finally(() => {
      this.#pushing = undefined
    })
  }

  /** Waits for lines that are being committed. */
  async close(): Promise<void> {
    await this.#pushing
  }

  async #push(): Promise<void> {
    const { logger, tenant, push } = this.#parts
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      try {
        await push(tenant()!, lines)
      } catch (error) {
        const why = (error as Error).message
        logger.error(`lines of the audit are in the log only: ${lines.length}: ${why}`)
      }
    }
  }
}
