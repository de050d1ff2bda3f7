// Brings the tables of the shared catalog to this version of the program.

import { hostname } from 'node:os'
import { CatalogOwnerError } from '../errors.ts'
import type { Database } from './postgres.ts'
import { migrations } from './schema.ts'

/**
 * Creates the tables, or brings them to the newest version. Several replicas may do so at a time.
 * @throws CatalogOwnerError when a newer program wrote them, or the user may not; CatalogUnavailableError.
 */
export async function migrateTables(database: Database): Promise<void> {
  const version = await readVersion(database)
  if (version > migrations.length) {
    throw new CatalogOwnerError(
      `the catalog in PostgreSQL has version ${version}, and this program knows ${migrations.length}: start a newer program`,
    )
  }
  for (let next = version; next < migrations.length; next++) {
    await database.query({ text: migrationOf(next, migrations[next]!) })
  }
}

async function readVersion(database: Database): Promise<number> {
  const [found] = await database.query<{ table: string | null }>({
    text: "SELECT to_regclass('skald.schema')::text AS table",
  })
  if (!found?.table) return 0
  const [row] = await database.query<{ version: number }>({
    text: 'SELECT version FROM skald.schema',
  })
  return row?.version ?? 0
}

/** Returns one transaction that runs a migration, unless another replica has run it meanwhile. */
function migrationOf(number: number, sql: string): string {
  return `DO $migration$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('skald.schema'));
    CREATE SCHEMA IF NOT EXISTS skald;
    CREATE TABLE IF NOT EXISTS skald.schema (
      one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL);
    INSERT INTO skald.schema (version) VALUES (0) ON CONFLICT DO NOTHING;
    IF (SELECT version FROM skald.schema) = ${number} THEN
      EXECUTE $statements$${sql}$statements$;
      UPDATE skald.schema SET version = ${number + 1};
    END IF;
  END $migration$`
}

/** Enters the process into the list of replicas. Returns its number. @throws CatalogUnavailableError */
export async function enterProcess(database: Pick<Database, 'query'>): Promise<number> {
  const [row] = await database.query<{ epoch: string }>({
    text: 'INSERT INTO skald.replicas (name, migrations) VALUES ($1, $2) RETURNING epoch',
    values: [hostname(), migrations.length],
  })
  return Number(row!.epoch)
}
