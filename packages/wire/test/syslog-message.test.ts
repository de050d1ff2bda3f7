import { test } from 'tap'
import { parseSyslog, type SyslogFormat } from '../src/syslog-message.ts'

const nowNs = (iso: string) => BigInt(Date.parse(iso)) * 1_000_000n
const parse = (text: string, format: SyslogFormat = 'rfc5424', now = '2026-06-15T12:00:00Z') =>
  parseSyslog(text, { format, nowNs: nowNs(now), timeZone: 'UTC' })
const iso = (ns: bigint | undefined) =>
  ns === undefined ? undefined : new Date(Number(ns / 1_000_000n)).toISOString()

test('parseSyslog reads the examples of RFC 5424', async t => {
  const first = parse(
    "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed for lonvick on /dev/pts/8",
  )
  t.match(first, {
    ...{ severity: 'critical', facility: 'auth', hostname: 'mymachine.example.com', appName: 'su' },
    ...{ procId: undefined, msgId: 'ID47', text: "'su root' failed for lonvick on /dev/pts/8" },
  })
  t.equal(iso(first?.timestampNs), '2003-10-11T22:14:15.003Z')
  const third = parse(
    '<165>1 2003-10-11T22:14:15.003-07:00 host evntslog 8710 ID47 [exampleSDID@32473 iut="3" eventSource="App\\"l\\]i\\\\c" eventID="1011"][examplePriority@32473 class="high"] An application event',
  )
  t.strictSame(third?.structuredData, [
    ['exampleSDID@32473', 'iut', '3'],
    ['exampleSDID@32473', 'eventSource', 'App"l]i\\c'],
    ['exampleSDID@32473', 'eventID', '1011'],
    ['examplePriority@32473', 'class', 'high'],
  ])
  t.match(third, {
    severity: 'notice',
    facility: 'local4',
    procId: '8710',
    text: 'An application event',
  })
  t.equal(iso(third?.timestampNs), '2003-10-12T05:14:15.003Z')
  t.equal(parse('<165>1 2003-10-11T22:14:15.003Z h a - ID47 [x@1 a="b"]')?.text, '')
  t.equal(parse('<165>1 - - - - - -')?.text, '')
})

test('parseSyslog reads what RFC 3164 describes, and what is sent under its name', async t => {
  const old = parse("<34>Oct 11 22:14:15 mymachine su[231]: 'su root' failed", 'rfc3164')
  t.match(old, { hostname: 'mymachine', appName: 'su', procId: '231', text: "'su root' failed" })
  t.equal(iso(old?.timestampNs), '2026-10-11T22:14:15.000Z')
  t.match(parse('<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!', 'rfc3164'), {
    ...{ hostname: '10.0.0.99', appName: undefined, text: 'Use the BFG!' },
  })
  t.match(parse('<13>2026-02-05T17:32:18.123456+01:00 web nginx: GET /', 'rfc3164'), {
    ...{ hostname: 'web', appName: 'nginx', text: 'GET /' },
  })
  t.match(parse('<13>cron[1]: no time', 'rfc3164'), {
    ...{
      timestampNs: undefined,
      hostname: undefined,
      appName: 'cron',
      procId: '1',
      text: 'no time',
    },
  })
  t.match(parse('<13>just words', 'rfc3164'), { text: 'just words', hostname: undefined })
})

test('parseSyslog guesses the missing year', async t => {
  const yearOf = (text: string, now: string) =>
    iso(parse(text, 'rfc3164', now)?.timestampNs)?.slice(0, 4)
  t.equal(yearOf('<13>Dec 31 23:59:59 h a: x', '2026-01-01T00:00:05Z'), '2025')
  t.equal(yearOf('<13>Jan  1 00:00:05 h a: x', '2025-12-31T23:59:59Z'), '2026')
})

test('parseSyslog tries the other format if the expected one does not fit', async t => {
  t.equal(parse('<13>Feb  5 17:32:18 host app: old', 'rfc5424')?.text, 'old')
  t.equal(parse('<13>1 - host app - - - new', 'rfc3164')?.text, 'new')
})

test('parseSyslog rejects what is not a message', async t => {
  for (const text of ['', 'words', '<>x', '<192>x', '<abc>x', '13>x', '{"a":1}', '< 13>x']) {
    t.equal(parse(text), undefined, text)
  }
  for (const text of [
    '<13>1 2026-01-01T00:00:00Z h a - - [x a="b" text',
    '<13>1 nonsense h a - - - x',
  ]) {
    t.ok(parse(text)?.text, `is read as words: ${text}`)
  }
})
