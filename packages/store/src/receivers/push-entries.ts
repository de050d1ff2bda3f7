// Pushes a batch like any other push, and says which of its entries were refused.

import { PushRejectedError } from '../errors.ts'
import type { PushClient } from '../ingest/cardinality-guard.ts'
import type { Ingester } from '../ingest/ingester.ts'
import type { EntryBatch } from './entry-batch.ts'

/** An entry that is not stored. */
export interface RefusedEntry {
  /** Whether the tenant reached a limit, so that it may be sent again later. */
  readonly isLimited: boolean
  readonly message: string
}

/** What became of a batch. All entries that are not refused are on disk. */
export interface PushOutcome {
  /** Number of an entry → why it was refused. */
  readonly refused: ReadonlyMap<number, RefusedEntry>
  /** When to send limited entries again. */
  readonly retryAfterSeconds: number | undefined
}

/** Where a batch goes, and who sent it. */
export interface PushTarget {
  readonly ingester: Ingester
  readonly tenant: string
  readonly client?: PushClient
}

const partialCodes: ReadonlySet<string> = new Set([
  ...['PUSH_INVALID', 'PUSH_RATE_LIMITED', 'PUSH_STREAM_LIMITED'],
])

/**
 * Stores a batch. Resolves once it is durable.
 * @throws what `Ingester.push` throws if nothing is stored and the sender is not to blame for single entries.
 */
export async function pushEntries(
  batch: EntryBatch,
  { ingester, tenant, client }: PushTarget,
): Promise<PushOutcome> {
  const refused = new Map<number, RefusedEntry>()
  if (batch.entryCount === 0) return { refused, retryAfterSeconds: undefined }
  let retryAfterSeconds: number | undefined
  try {
    await ingester.push(tenant, batch.build(), {
      ...(client && { client }),
      onRefused: ({ source, rows, isLimited, message }) => {
        for (const row of rows) refused.set(batch.numberOf(source, row), { isLimited, message })
      },
    })
  } catch (error) {
    if (!(error instanceof PushRejectedError) || !partialCodes.has(error.code)) throw error
    // The error is about these entries.
    if (refused.size === 0) throw error
    retryAfterSeconds = error.retryAfterSeconds
  }
  return { refused, retryAfterSeconds }
}
