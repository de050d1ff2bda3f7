// What a move brings of rules beside those in the catalog: the alerts, and the samples that wait on the disk for other
// servers.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { SqliteCatalog } from '../catalog/sqlite.ts'
import { movedSamplesAtOnce } from '../limits.ts'
import { formatRecord, WriteFiles } from '../rules/write-files.ts'
import type { MovedState } from '../scaled/catalog-base.ts'
import type { Database } from '../scaled/postgres.ts'

/** Reads the states of all groups of a store. */
export function readMovedStates({ rules }: SqliteCatalog): MovedState[] {
  return [...rules.allAlerts()].map(([group, stored]) => ({ group, stored }))
}

/**
 * Brings the samples of a data directory into the database. Those of an earlier try are replaced. Nothing of the directory
 * is changed. @throws CatalogUnavailableError; the system's error.
 */
export async function moveSamples(database: Database, dataDir: string): Promise<void> {
  await database.query({ text: 'DELETE FROM skald.rule_samples' })
  const directory = join(dataDir, 'remote-write')
  if (!existsSync(directory)) return
  for (const server of readdirSync(directory)) {
    const files = new WriteFiles({ directory: join(directory, server), onDrop: () => undefined })
    let isSending = files.hasBegun
    let piece = await files.read(movedSamplesAtOnce)
    while (piece) {
      const records = piece.records.map(formatRecord)
      await database.query({
        text: `INSERT INTO skald.rule_samples (server, is_sending, samples, bytes, record)
          SELECT $1, $4, moved.samples, octet_length(moved.record), moved.record
            FROM unnest($2::integer[], $3::text[]) WITH ORDINALITY AS moved (samples, record, place)
            ORDER BY moved.place`,
        values: [server, piece.records.map(({ samples }) => samples.length), records, isSending],
      })
      isSending = false
      piece = await files.read(movedSamplesAtOnce, piece.next)
    }
  }
}
