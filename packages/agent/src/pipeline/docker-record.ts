// A record of Docker's json-file driver in any form: further keys, any order. `docker-line.ts` reads the
// usual form from bytes.

import { parseRfc3339 } from '@skald/go-dialect'
import { decodeGoText, encodeGoText } from '@skald/go-dialect/text/go-bytes'
import { parseJsonObject } from './json-object.ts'

/** One write by Docker: a line with its line feed, or a part without. */
export interface DockerRecord {
  readonly stream: 'stdout' | 'stderr'
  readonly timestampNs: bigint
  readonly bytes: Buffer
}

/** Reads a record. Returns `undefined` if it has no text or no time. */
export function readDockerRecord(bytes: Buffer): DockerRecord | undefined {
  const { log, stream, time } = parseJsonObject(decodeGoText(bytes)) ?? {}
  const timestampNs = typeof time === 'string' ? parseRfc3339(time) : undefined
  if (typeof log !== 'string' || timestampNs === undefined) return undefined
  return {
    stream: stream === 'stderr' ? 'stderr' : 'stdout',
    timestampNs,
    bytes: encodeGoText(log),
  }
}
