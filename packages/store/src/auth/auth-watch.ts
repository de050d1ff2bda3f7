// Reads the files with users and tokens again when they change. If the new ones cannot be used, those before stay in
// force.

import { statSync } from 'node:fs'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import { authCheckMs } from '../limits.ts'
import type { AuthConfig } from './auth-config.ts'
import type { Authenticator, AuthState } from './authenticator.ts'
import { readHtpasswd } from './htpasswd.ts'

export interface AuthSource {
  /** The file of the configuration. */
  readonly path: string
  /** When the store read it, in ms since 1970. The watch begins later: a store may wait for its directory for long. */
  readonly readMs: number
  /** Reads the block `auth` of the file as it is now. @throws ConfigError when the file has a mistake. */
  read(): AuthConfig | undefined
}

export interface AuthWatchParts {
  readonly authenticator: Authenticator
  /** Absent if the configuration is in no file. */
  readonly source: AuthSource | undefined
  readonly logger: Logger
  /** Gets a gauge of whether the files can be used. */
  readonly registry: Registry
}

/** Reads the passwords that a configuration names. @throws AuthFileError */
export function readAuthState(config: AuthConfig): AuthState {
  const { htpasswdFile } = config
  return { config, passwords: htpasswdFile === undefined ? new Map() : readHtpasswd(htpasswdFile) }
}

export class AuthWatch {
  readonly #parts: AuthWatchParts
  readonly #timer: NodeJS.Timeout
  readonly #isUsable: Gauge
  #seen: string
  #checking: Promise<void> | undefined

  constructor(parts: AuthWatchParts) {
    this.#parts = parts
    this.#isUsable = new Gauge({
      name: 'skald_auth_config_usable',
      help: 'Whether the newest files with users and tokens are in force: 1, or 0 if they have a mistake',
      registers: [parts.registry],
    })
    this.#isUsable.set(1)
    this.#seen = hasChanged(parts.source) ? '' : this.#version()
    this.#timer = setInterval(() => {
      this.#checking ??= this.check().finally(() => {
        this.#checking = undefined
      })
    }, authCheckMs)
    this.#timer.unref()
  }

  /** Reads the files if they have changed. */
  async check(): Promise<void> {
    const { authenticator, source, logger } = this.#parts
    const version = this.#version()
    if (version === this.#seen) return
    this.#seen = version
    try {
      const config = source ? source.read() : authenticator.config
      if (!config) {
        throw new Error('the block auth is gone; restart the store to let everybody in')
      }
      await authenticator.use(readAuthState(config))
      this.#isUsable.set(1)
      logger.info('users and tokens were read again')
    } catch (error) {
      this.#isUsable.set(0)
      const why = (error as Error).message
      logger.error(`cannot use the changed users and tokens, those before stay in force: ${why}`)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#checking
  }

  /** Names the present state of the files. */
  #version(): string {
    const { source, authenticator } = this.#parts
    return [source?.path, authenticator.config.htpasswdFile]
      .map(path => {
        const stats = path && statSync(path, { throwIfNoEntry: false, bigint: true })
        return stats ? `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}` : ''
      })
      .join(' ')
  }
}

/** Whether the file was changed between its reading and now. */
function hasChanged(source: AuthSource | undefined): boolean {
  if (!source) return false
  const stats = statSync(source.path, { throwIfNoEntry: false })
  return stats !== undefined && stats.ctimeMs >= source.readMs + 1
}
