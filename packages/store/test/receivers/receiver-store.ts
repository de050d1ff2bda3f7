// A store for the tests of receivers, and the entries that came in.

import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, type Test } from 'tap'
import { startTestStore, type TestStore } from '../harness.ts'

/** An entry of an answer: its labels and metadata together, its time and its line. */
export interface StoredEntry {
  readonly stream: Readonly<Record<string, string>>
  readonly ns: string
  readonly line: string
}

/** A store, and how to look into it. */
export interface ReceiverStore {
  readonly store: TestStore
  /** Returns the entries of a query, of 2024-10-04 or around now, oldest first. */
  readonly entries: (query: string, when?: 'now') => Promise<StoredEntry[]>
}

/** The day of the tests' lines. */
export const testDay = '2024-10-04T00:00:'

let shared: Promise<TestStore> | undefined

/** Opens a store of a test's own, or the one that all tests of the file share. */
export async function openReceiverStore(t: Test, yaml?: string): Promise<ReceiverStore> {
  shared ??= yaml === undefined ? startTestStore(root, { yaml: 'auth_enabled: false' }) : undefined
  const store = yaml === undefined ? await shared! : await startTestStore(t, { yaml })
  const entries: ReceiverStore['entries'] = async (query, when) => {
    const startMs = when ? Date.now() - 60_000 : Date.parse(`${testDay}00Z`)
    const endMs = when ? Date.now() + 60_000 : startMs + 86_400_000
    const range = { start: `${startMs}000000`, end: `${endMs}000000` }
    const params = { query, ...range, limit: '5000', direction: 'forward' }
    const answer = await store.get('/loki/api/v1/query_range', params)
    const { data } = answer.json<{
      data: { result: { stream: Record<string, string>; values: [string, string][] }[] }
    }>()
    return data.result
      .flatMap(({ stream, values }) => values.map(([ns, line]) => ({ stream, ns, line })))
      .sort((a, b) => (BigInt(a.ns) < BigInt(b.ns) ? -1 : 1))
  }
  return { store, entries }
}

/** Asks what pushes in progress hold until it is as wanted, or for long enough. Returns the last answer. */
export async function pendingBytes(
  store: TestStore,
  isWanted: (bytes: number) => boolean,
): Promise<number> {
  for (let i = 0; ; i++) {
    const { body } = await store.get('/metrics')
    const bytes = Number(/^skald_pending_push_bytes (\S+)$/m.exec(body)?.[1])
    if (isWanted(bytes) || i === 400) return bytes
    await sleep(10)
  }
}
