// Random bytes for the receivers: each request gets an answer that is no failure of the store, and no parser depends on how
// bytes are divided. FUZZ_SECONDS sets the time for all properties together.

import fc from 'fast-check'
import { test, t as tests } from 'tap'
import { parseDocumentTime } from '../../src/receivers/document/document-time.ts'
import { BulkSyntaxError, parseBulkBody } from '../../src/receivers/elasticsearch/bulk-body.ts'
import {
  JournalExportReader,
  JournalSyntaxError,
} from '../../src/receivers/journal/journal-export.ts'
import { LineSplitter } from '../../src/receivers/json-lines/line-splitter.ts'
import { HecEventError, parseEvent, splitEvents } from '../../src/receivers/splunk/events.ts'
import { openReceiverStore } from './receiver-store.ts'

const seconds = Number(process.env.FUZZ_SECONDS ?? 0)
const propertyCount = 5
const runs = (count: number) =>
  seconds > 0
    ? {
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: (seconds * 1_000) / propertyCount,
      }
    : { numRuns: count, seed: 5 }
tests.setTimeout((2 * seconds + 90) * 1_000)

const fragment = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    '\n',
    '\r\n',
    ' ',
    '\0',
    '1',
    '1e999',
    '-0.10',
    'null',
  ],
  ...[
    '{"index":{"_index":"f"}}\n',
    '{"create":{"_id":"1"}}\n',
    '{"delete":{}}\n',
    '{"update":{}}\n',
  ],
  ...[
    '{"message":"m","@timestamp":1}\n',
    '{"_msg":"m","a":{"b":[1.0,{"c":"d"}]}}\n',
    '{"event":"e"}',
  ],
  ...['{"event":{"a":1},"time":"1.5","fields":{"b":null}}', '[{"message":"m","ddtags":"a:b,c"}]'],
  ...[
    'MESSAGE=m\n',
    'PRIORITY=9\n',
    'BINARY\n\u0003\0\0\0\0\0\0\0abc\n',
    'B\n\uffff',
    '\n\n',
    'é',
    '💩',
  ],
  ...[
    '"__proto__":{"a":1}',
    '"constructor":1',
    '{"a":',
    '12345678901234567890',
    '2024-10-04T00:00:00Z',
  ],
)
const body = fc.oneof(
  fc.array(fragment, { maxLength: 12 }).map(parts => Buffer.from(parts.join(''))),
  fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes)),
)

const routes = [
  { url: '/_bulk' },
  { url: '/f/_doc' },
  { url: '/insert/jsonline' },
  { url: '/services/collector' },
  { url: '/services/collector/raw' },
  { url: '/services/collector/ack?channel=1' },
  { url: '/api/v2/logs' },
  { url: '/upload', type: 'application/vnd.fdo.journal' },
] as const

test('any body gets an answer', async t => {
  const { store } = await openReceiverStore(t)
  const query = fc.constantFrom(
    '',
    '_stream_fields=a.b,_id',
    '_msg_field=a&_time_field=b',
    'extra_fields=a=b',
    'ignore_fields=*',
  )
  const encoding = fc.constantFrom('', '', '', 'gzip', 'zstd', 'deflate')
  const statuses = new Set<number>()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      body,
      query,
      encoding,
      async (route, payload, params, coding) => {
        const { statusCode, body: text } = await store.app.inject({
          method: 'POST',
          url: `${route.url}${route.url.includes('?') ? '&' : '?'}${params}`,
          headers: {
            'content-type': 'type' in route ? route.type : 'application/json',
            ...(coding !== '' && { 'content-encoding': coding }),
          },
          payload,
        })
        statuses.add(statusCode)
        if (statusCode >= 500) throw new Error(`${statusCode}: ${text}`)
      },
    ),
    runs(600),
  )
  t.ok(statuses.has(400) && [200, 201, 202].some(status => statuses.has(status)))
})

/** Divides bytes at random places. */
function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const found: Buffer[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    found.push(bytes.subarray(at, at + size))
    at += size
  }
  return found
}
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

test('a journal is the same however it is divided', async t => {
  const read = (parts: readonly Buffer[]): string => {
    const reader = new JournalExportReader()
    const entries: string[] = []
    const add = (found: Iterable<ReadonlyMap<string, Buffer>>) => {
      for (const entry of found)
        entries.push([...entry].map(([a, b]) => `${a}=${b.toString('hex')}`).join())
    }
    try {
      for (const part of parts) add(reader.take(part))
      add(reader.end())
    } catch (error) {
      if (!(error instanceof JournalSyntaxError)) throw error
      entries.push(error.message)
    }
    return entries.join('\n')
  }
  fc.assert(
    fc.property(body, sizes, (bytes, cuts) => read([bytes]) === read(pieces(bytes, cuts))),
    runs(5_000),
  )
  t.pass('all are the same')
})

test('lines are the same however they are divided', async t => {
  const read = (parts: readonly Buffer[]): string => {
    const splitter = new LineSplitter(20)
    const lines: string[] = []
    for (const part of parts)
      for (const { bytes } of splitter.take(part)) lines.push(String(bytes?.toString('hex')))
    for (const { bytes } of splitter.end()) lines.push(String(bytes?.toString('hex')))
    return lines.join('\n')
  }
  fc.assert(
    fc.property(body, sizes, (bytes, cuts) => read([bytes]) === read(pieces(bytes, cuts))),
    runs(5_000),
  )
  t.pass('all are the same')
})

test('bulk bodies and events fail with their own errors', async t => {
  fc.assert(
    fc.property(body, bytes => {
      try {
        for (const { index } of parseBulkBody(bytes)) if (index === '') return false
      } catch (error) {
        if (!(error instanceof BulkSyntaxError)) throw error
      }
      for (const event of splitEvents(bytes.toString('utf8'))) {
        try {
          parseEvent(event)
        } catch (error) {
          if (!(error instanceof HecEventError)) throw error
        }
      }
      return true
    }),
    runs(5_000),
  )
  t.pass('no other error')
})

test('a time is a time or none', async t => {
  const digit = fc.constantFrom(...'0123456789'.split(''))
  const sign = fc.constantFrom('-', ':', 'T', ' ', '.', ',', 'Z', '+', 'e', '2024-02-30')
  const text = fc
    .array(fc.oneof(digit, digit, sign), { maxLength: 30 })
    .map(parts => parts.join(''))
  fc.assert(
    fc.property(text, written => {
      const ns = parseDocumentTime(written)
      return ns === undefined || ns === BigInt.asIntN(64, ns)
    }),
    runs(5_000),
  )
  t.pass('no time is out of range')
})
