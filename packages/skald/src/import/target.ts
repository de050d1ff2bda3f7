// Pushes lines to a server.

import { type Entry, type Stream, snappyCompress } from '@skald/wire'
import { encodePushRequest } from '@skald/wire/push-codec'
import { ImportError } from '../errors.ts'
import { importPushBytesMax, pushAnswerBytesMax } from '../limits.ts'
import type { Server } from '../server-address.ts'
import { type RequestOptions, sendRequest } from './requests.ts'

/** The result of a push. A rejection concerns some entries; the server accepted all others. */
export interface PushOutcome {
  readonly entries: number
  readonly refusal: string | undefined
}

/**
 * Pushes streams in requests of about a megabyte, and waits for the answers.
 *
 * @throws ImportError if the server rejects a push as a whole.
 */
export async function* pushStreams(
  server: Server,
  streams: readonly Stream[],
  onRetry: RequestOptions['onRetry'],
): AsyncGenerator<PushOutcome> {
  for (const batch of cutStreams(streams)) {
    const { status, text } = await sendRequest(server, '/loki/api/v1/push', {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(snappyCompress(encodePushRequest(batch))),
      bytesMax: pushAnswerBytesMax,
      onRetry,
    })
    if (status >= 300 && status !== 400) {
      const hint = status === 401 ? '; --to-tenant names a tenant, the URL a user' : ''
      throw new ImportError(`${server.url} answered ${status} to a push: ${text.trim()}${hint}`)
    }
    const entries = batch.reduce((sum, { entries }) => sum + entries.length, 0)
    yield { entries, refusal: status === 400 ? text.trim() : undefined }
  }
}

function* cutStreams(streams: readonly Stream[]): Generator<Stream[]> {
  let batch: Stream[] = []
  let bytes = 0
  for (const { labels, entries } of streams) {
    let gathered: Entry[] = []
    for (const entry of entries) {
      gathered.push(entry)
      bytes += Buffer.byteLength(entry.line)
      if (bytes < importPushBytesMax) continue
      yield [...batch, { labels, entries: gathered }]
      batch = []
      gathered = []
      bytes = 0
    }
    if (gathered.length > 0) batch.push({ labels, entries: gathered })
  }
  if (batch.length > 0) yield batch
}
