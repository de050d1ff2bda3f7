// Measures what the same lines cost the store by each way in: CPU of the whole process until the last answer, with a separate
// store for each.

import { join } from 'node:path'
import { nsPerMs, nsPerSecond } from '@skald/go-dialect'
import { type PushStream, parseLabelSet, snappyDecompress } from '@skald/wire'
import { decodePushRequest } from '@skald/wire/push-codec'
import { readCpuSeconds } from './cpu.ts'
import { lokiPushPath } from './ingest.ts'
import type { Records } from './record-file.ts'
import { startStoreServer } from './server.ts'
import { fixed, type Row } from './table.ts'

/** A line of the load. */
interface Line {
  readonly labels: Readonly<Record<string, string>>
  readonly timestampNs: bigint
  readonly text: string
}

/** A way in: where it is, and how it writes the lines of a push. */
interface WayIn {
  readonly name: string
  readonly path: string
  readonly type: string
  /** Absent: the push as it is. */
  readonly encode?: (lines: readonly Line[]) => string
}

const jsonLine = (value: object) => `${JSON.stringify(value)}\n`
const isoTime = (ns: bigint) =>
  `${new Date(Number(ns / nsPerMs)).toISOString().slice(0, 19)}.${String(ns % nsPerSecond).padStart(9, '0')}Z`

const waysIn: readonly WayIn[] = [
  { name: "Loki's push", path: lokiPushPath, type: 'application/x-protobuf' },
  {
    ...{ name: 'Elasticsearch', path: '/_bulk', type: 'application/x-ndjson' },
    encode: lines =>
      lines
        .map(
          ({ labels, timestampNs, text }) =>
            jsonLine({ create: { _index: 'bench' } }) +
            jsonLine({ '@timestamp': isoTime(timestampNs), message: text, ...labels }),
        )
        .join(''),
  },
  {
    ...{ name: 'JSON lines', path: '/insert/jsonline', type: 'application/x-ndjson' },
    encode: lines =>
      lines
        .map(({ labels, timestampNs, text }) =>
          jsonLine({ _time: isoTime(timestampNs), _msg: text, ...labels }),
        )
        .join(''),
  },
  {
    ...{ name: 'Splunk', path: '/services/collector', type: 'application/json' },
    encode: lines =>
      lines
        .map(({ labels, timestampNs, text }) =>
          jsonLine({ time: Number(timestampNs) / 1e9, event: text, fields: labels }),
        )
        .join(''),
  },
  {
    ...{ name: 'Datadog', path: '/api/v2/logs', type: 'application/json' },
    encode: lines =>
      JSON.stringify(
        lines.map(({ labels, timestampNs, text }) => ({
          ...{ timestamp: Number(timestampNs / nsPerMs), message: text, ...labels },
        })),
      ),
  },
  {
    ...{ name: 'journal', path: '/upload', type: 'application/vnd.fdo.journal' },
    encode: lines =>
      lines
        .map(
          ({ labels, timestampNs, text }) =>
            `__REALTIME_TIMESTAMP=${timestampNs / 1000n}\nMESSAGE=${text.replaceAll('\n', ' ')}\n` +
            `SYSLOG_IDENTIFIER=${labels.app ?? 'bench'}\n_HOSTNAME=${labels.node_name ?? 'node'}\n\n`,
        )
        .join(''),
  },
]

/** What one way in costs. */
export interface WayInResult {
  readonly name: string
  readonly lineCount: number
  readonly cpuSeconds: number
}

/** Sends all pushes by each way in, one after the other, over one connection. */
export async function runWaysIn(
  workDir: string,
  bodies: Records,
  note: (text: string) => void,
): Promise<WayInResult[]> {
  const results: WayInResult[] = []
  for (const [i, way] of waysIn.entries()) {
    note(`sending by ${way.name}`)
    const server = await startStoreServer(workDir, join(workDir, `way-${i}`))
    try {
      const before = readCpuSeconds(server.pid)
      let lineCount = 0
      for (let at = 0; at < bodies.count; at++) {
        const body = bodies.read(at)
        const lines = linesOf(body)
        lineCount += lines.length
        const content = way.encode?.(lines) ?? new Uint8Array(body)
        const headers = { 'content-type': way.type }
        const answer = await fetch(server.url + way.path, {
          method: 'POST',
          headers,
          body: content,
        })
        const text = await answer.text()
        if (!answer.ok || text.includes('"errors":true')) {
          throw new Error(`${way.name} was answered ${answer.status}: ${text.slice(0, 500)}`)
        }
      }
      results.push({ name: way.name, lineCount, cpuSeconds: readCpuSeconds(server.pid) - before })
    } finally {
      await server.process.end('SIGTERM')
    }
  }
  return results
}

function linesOf(body: Buffer): Line[] {
  return decodePushRequest(snappyDecompress(body, 64 * 1024 * 1024)).flatMap(streamLines)
}

function streamLines(stream: PushStream): Line[] {
  const pairs = parseLabelSet(stream.labelsText).map(({ name, value }) => [name, value] as const)
  const labels = Object.fromEntries(pairs)
  return Array.from({ length: stream.entryCount }, (_, row) => {
    const start = stream.lineOffsets[row]!
    return {
      labels,
      timestampNs: BigInt(stream.seconds[row]!) * nsPerSecond + BigInt(stream.nanos[row]!),
      text: stream.bytes.toString('utf8', start, start + stream.lineLengths[row]!),
    }
  })
}

/** Lists the figures, each beside Loki's push. */
export function waysInRows(results: readonly WayInResult[]): Row[] {
  const [push] = results
  const perSecond = ({ lineCount, cpuSeconds }: WayInResult) => lineCount / cpuSeconds
  return results.map(result => ({
    figure: `lines for each CPU-second, ${result.name}`,
    value: String(Math.round(perSecond(result))),
    ...(push && { limit: String(Math.round(perSecond(push))) }),
    ...(push && { ratio: fixed((perSecond(result) / perSecond(push)) * 100).concat(' %') }),
  }))
}
