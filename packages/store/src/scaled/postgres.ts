// Connections to PostgreSQL. The client is loaded only when a catalog is configured, so that other stores need
// neither its memory nor its time.

import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { CatalogConfig } from '../catalog-config.ts'
import { CatalogOwnerError, CatalogUnavailableError, ChangeRefusedError } from '../errors.ts'
import {
  catalogConnectionsMax,
  catalogConnectMs,
  catalogIdleMs,
  catalogRequestMs,
} from '../limits.ts'

/** One statement. Those with a name are prepared once for each connection. */
export interface Statement {
  readonly name?: string
  readonly text: string
  readonly values?: readonly unknown[]
}

/** What the catalog needs of a database. */
export interface Database {
  /**
   * Runs a statement, and returns its rows.
   * @throws CatalogUnavailableError when another try may succeed; ChangeRefusedError; CatalogOwnerError when it
   * can never succeed, because PostgreSQL refuses the user, the password or a right.
   */
  query<Row>(statement: Statement, timeoutMs?: number): Promise<Row[]>
  close(): Promise<void>
}

type Pool = import('pg').Pool

/** Opens a database. Sends nothing. @throws CatalogOwnerError when the URL cannot be used. */
export async function openPostgres(
  config: CatalogConfig,
  logger: Logger,
  requestMs = catalogRequestMs,
): Promise<Database> {
  const [{ default: pg }, { parseIntoClientConfig }] = await Promise.all([
    import('pg'),
    import('pg-connection-string'),
  ])
  let parsed: ReturnType<typeof parseIntoClientConfig>
  try {
    // It reads the files of certificates that the URL names.
    parsed = parseIntoClientConfig(config.postgresUrl)
  } catch (cause) {
    const why = (cause as Error).message.replaceAll(config.postgresUrl, 'the URL')
    throw new CatalogOwnerError(`skald.catalog.postgres_url cannot be used: ${why}`, { cause })
  }
  const pool = new pg.Pool({
    ...parsed,
    ...(config.passwordFile && { password: () => readPassword(config.passwordFile) }),
    max: catalogConnectionsMax,
    connectionTimeoutMillis: catalogConnectMs,
    idleTimeoutMillis: catalogIdleMs,
    statement_timeout: requestMs,
    // Without it, a connection that swallows everything would wait for ever.
    query_timeout: requestMs,
    keepAlive: true,
    application_name: 'skald',
  })
  // An idle connection that is lost is replaced when it is needed.
  pool.on('error', error => logger.debug({ reason: error.message }, 'lost a catalog connection'))
  return new Postgres(pool)
}

/** Reads the file each time, so that a new password needs no restart. */
async function readPassword(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
}

class Postgres implements Database {
  readonly #pool: Pool
  #closing: Promise<void> | undefined

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async query<Row>({ name, text, values = [] }: Statement, timeoutMs?: number): Promise<Row[]> {
    const config = {
      ...{ text, values: [...values] },
      ...(name !== undefined && { name }),
      ...(timeoutMs !== undefined && { query_timeout: timeoutMs }),
    }
    try {
      const { rows } = await this.#pool.query(config)
      return rows as Row[]
    } catch (error) {
      throw judged(error as Error & { readonly code?: string })
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#pool.end()
    return this.#closing
  }
}

const refusals: Readonly<Record<string, ChangeRefusedError['reason']>> = {
  SK001: 'job',
  SK002: 'inputs',
  SK003: 'rules',
  SK004: 'forgets',
  SK005: 'forgotten',
  SK006: 'epoch',
  SK007: 'lost',
  SK008: 'turn',
  // Of names of segments, the only ones that are unique and not made by the database.
  23505: 'taken',
}

/** Classes of SQLSTATE that say that a setting is wrong: authorization, names, rights. */
const lasting = /^(28|3D|3F|42|0A)/

function judged(cause: Error & { readonly code?: string }): Error {
  const { code = '', message } = cause
  const reason = refusals[code]
  if (reason)
    return new ChangeRefusedError(`The catalog refuses a change: ${message}`, { reason, cause })
  const why = code ? `${code} ${message}` : message
  // Its messages about a missing or wrong password have no code.
  if (lasting.test(code) || message.startsWith('SASL'))
    return new CatalogOwnerError(`PostgreSQL refuses: ${why}`, { cause })
  return new CatalogUnavailableError(`PostgreSQL does not answer: ${why}`, { cause })
}
