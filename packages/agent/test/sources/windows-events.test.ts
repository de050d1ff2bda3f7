// A substitute answers for wevtutil, which exists only on Windows: see ../fixtures/wevtutil.ts.

import { readFileSync, writeFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { type Test, test } from 'tap'
import { loadAgentConfig } from '../../src/index.ts'
import { eventXml, installEventLogs, records, type StandInLogs } from '../event-logs.ts'
import { noise, type Receiver, startReceiver, startTestAgent, waitFor } from '../harness.ts'
import { problemOf } from './job-problem.ts'

const configOf = (directory: string, url: string, job = 'eventlog_name: System') => `
server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml", sync_period: 50ms}
clients:
  - {url: "${url}", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 50ms}}
scrape_configs:
  - job_name: windows
    windows_events: {${job}${/poll_interval/.test(job) ? '' : ', poll_interval: 50ms'}, labels: {job: windows}}
`

async function setUp(t: Test, logs: StandInLogs) {
  const directory = t.testdir()
  const receiver = await startReceiver(t)
  return { directory, receiver, logs: installEventLogs(t, directory, logs) }
}

/** Returns a logger and what it has logged. */
function logOf(): { readonly logger: pino.Logger; readonly text: () => string } {
  let all = ''
  const write = (chunk: Buffer, _: string, done: () => void) => {
    all += chunk
    done()
  }
  return { logger: pino(new Writable({ write })), text: () => all }
}

const idsOf = (receiver: Receiver) =>
  receiver.entries.map(({ line }) => (JSON.parse(line) as { eventRecordID: number }).eventRecordID)
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const positionsOf = (directory: string) => {
  try {
    return readFileSync(`${directory}/positions.yaml`, 'utf8')
  } catch {
    return ''
  }
}

test('Windows events come with Promtail’s line, labels and time, from the first start on', async t => {
  const { directory, receiver, logs } = await setUp(t, { System: { records: records(1, 3) } })
  const job = 'eventlog_name: System, use_incoming_timestamp: true, locale: 1033'
  await startTestAgent(t, configOf(directory, receiver.url, job))
  await waitFor(() => positionsOf(directory).includes("RecordId='3'"))
  logs.change(({ System }) =>
    System!.records.push({ id: 4, xml: eventXml(4, { message: 'a\nb' }) }),
  )
  await receiver.until(() => receiver.entries.length === 1)
  const [entry] = receiver.entries
  t.equal(entry?.labels, '{channel="System", computer="WS01.example.com", job="windows"}')
  t.equal(
    entry?.timestampNs,
    BigInt(Date.parse('2026-09-27T18:56:05Z')) * 1_000_000n + 898_790_400n,
  )
  t.equal(
    entry?.line,
    '{"source":"Service Control Manager","channel":"System","computer":"WS01.example.com","event_id":7036,"level":4,"levelText":"Information","keywords":"Classic","timeCreated":"2026-09-27T18:56:05.8987904Z","eventRecordID":4,"execution":{"processId":760,"threadId":4460},"security":{"userId":"S-1-5-18"},"event_data":"\\u003cData Name=\'param1\'\\u003eDienst 4 ü\\u003c/Data\\u003e\\u003cData Name=\'param2\'\\u003erunning\\u003c/Data\\u003e","message":"a\\r\\nb"}',
  )
  t.ok(logs.calls().some(call => /^System \/q:\* .*\/f:RenderedXml .*\/l:en-US .*\/bm:/.test(call)))
})

test('Windows events are read page by page, and on after a restart, each once', async t => {
  const { directory, receiver, logs } = await setUp(t, { System: { records: [] } })
  const first = await startTestAgent(t, configOf(directory, receiver.url))
  await waitFor(() => positionsOf(directory).includes("RecordId='0'"))
  logs.change(({ System }) => System!.records.push(...records(1, 1_203)))
  await receiver.until(() => receiver.entries.length === 1_203)
  await first.stop()
  t.match(positionsOf(directory), /"cursor-windows": ".*Channel='System' RecordId='1203'/)
  logs.change(({ System }) => System!.records.push(...records(1_204, 1_210)))
  await startTestAgent(t, configOf(directory, receiver.url))
  await receiver.until(() => receiver.entries.length >= 1_210)
  t.strictSame(idsOf(receiver), numbers(1, 1_210))
})

test('Windows events: the position stays where it is while no server takes the lines', async t => {
  const { directory, receiver, logs } = await setUp(t, { System: { records: records(1, 2) } })
  const first = await startTestAgent(t, configOf(directory, receiver.url))
  await waitFor(() => positionsOf(directory).includes("RecordId='2'"))
  receiver.respond(503)
  logs.change(({ System }) => System!.records.push(...records(3, 9)))
  await waitFor(() => receiver.refusals > 2)
  await first.stop()
  t.match(positionsOf(directory), /RecordId='2'/)
  receiver.respond(204)
  await startTestAgent(t, configOf(directory, receiver.url))
  await receiver.until(() => receiver.entries.length >= 7)
  await waitFor(() => positionsOf(directory).includes("RecordId='9'"))
  t.strictSame(idsOf(receiver), numbers(3, 9))
})

test('Windows events: a stop does not wait for room while the server is silent', async t => {
  const { directory, receiver, logs } = await setUp(t, { System: { records: records(1, 1) } })
  const agent = await startTestAgent(t, configOf(directory, receiver.url))
  await waitFor(() => positionsOf(directory).includes("RecordId='1'"))
  receiver.respond(503)
  logs.change(({ System }) => {
    for (let id = 2; id <= 31; id++) {
      const data = `<Data>${noise(450).join('')}</Data>`
      System!.records.push({ id, xml: eventXml(id, { data }) })
    }
  })
  await waitFor(() => receiver.refusals > 2)
  // Until memory is full and reading stops.
  await sleep(2_000)
  await agent.stop()
  t.match(positionsOf(directory), /RecordId='1'/)
})

test('Windows events go on behind Promtail’s bookmark, which stays as it is', async t => {
  const { directory, receiver } = await setUp(t, { System: { records: records(1, 8) } })
  const bookmark = `${directory}/bookmark.xml`
  const text =
    "<BookmarkList>\r\n  <Bookmark Channel='System' RecordId='5' IsCurrent='true'/>\r\n</BookmarkList>"
  writeFileSync(bookmark, text)
  // Windows ignores the case of a name.
  const job = `eventlog_name: SYSTEM, bookmark_path: "${bookmark}"`
  const agent = await startTestAgent(t, configOf(directory, receiver.url, job))
  await receiver.until(() => receiver.entries.length >= 3)
  await agent.stop()
  t.strictSame(idsOf(receiver), [6, 7, 8])
  t.equal(readFileSync(bookmark, 'utf8'), text)
  writeFileSync(bookmark, '<BookmarkList')
  await startTestAgent(t, configOf(directory, receiver.url, job))
  t.pass('the positions file is asked first')
  const other = await loadAgentConfig({
    text: configOf(`${directory}/other`, receiver.url, job),
    path: 'a.yaml',
  })
  t.match(
    await problemOf(other),
    /job windows cannot go on where it was, bookmark_path .*bookmark.xml is no bookmark: /,
  )
})

test('Windows events of several channels: an unreadable one does not block the others', async t => {
  const { directory, receiver, logs } = await setUp(t, {
    System: { records: [] },
    Security: { records: records(1, 2, 'Security'), isDenied: true },
  })
  const list = `<QueryList><Query Id='0'><Select Path='System'>*[System[EventID=7036]]</Select><Select Path='Security'>*</Select></Query></QueryList>`
  const log = logOf()
  const config = configOf(directory, receiver.url, `xpath_query: "${list}"`)
  await startTestAgent(t, config, { logger: log.logger })
  await waitFor(() => /"channel":"Security","error":"Failed to read events/.test(log.text()))
  t.match(log.text(), /Access is denied.*will try again: .*Event Log Readers/)
  logs.change(({ System }) => {
    System!.records.push({ id: 1, xml: eventXml(1, { eventId: 1 }) }, ...records(2, 3))
  })
  await receiver.until(() => receiver.entries.length === 2)
  t.strictSame(idsOf(receiver), [2, 3])
  logs.change(({ Security }) => {
    Security!.isDenied = false
  })
  await waitFor(() => positionsOf(directory).includes("Channel='Security' RecordId='2'"))
  logs.change(({ Security }) => Security!.records.push(...records(3, 3, 'Security')))
  await receiver.until(() => receiver.entries.length === 3)
  t.match(receiver.entries[2]?.labels, /channel="Security"/)
})

test('Damaged or huge Windows events lose no others, and an incomplete output is read again', async t => {
  const { directory, receiver, logs } = await setUp(t, { System: { records: [] } })
  const log = logOf()
  const agent = await startTestAgent(t, configOf(directory, receiver.url), { logger: log.logger })
  await waitFor(() => positionsOf(directory).includes("RecordId='0'"))
  const huge = eventXml(2, { data: `<Data>${'x'.repeat(3_000_000)}</Data>` })
  const damaged = eventXml(3, { data: '<Data>a < b & c\u0003</Data>', message: 'whole' })
  logs.change(({ System }) => {
    System!.isTruncated = true
    System!.records.push(...records(1, 1), { id: 2, xml: huge }, { id: 3, xml: damaged })
    System!.records.push(...records(4, 5))
  })
  await waitFor(() => /the output ends within an event/.test(log.text()))
  await receiver.until(() => receiver.entries.length === 4)
  logs.change(({ System }) => {
    System!.isTruncated = false
  })
  await receiver.until(() => receiver.entries.length >= 5)
  await agent.stop()
  t.strictSame(idsOf(receiver), [1, 2, 3, 4, 5])
  t.ok(receiver.entries[1]!.line.length < 1_000, 'data of the huge event is left out')
  t.match(JSON.parse(receiver.entries[2]!.line), { channel: 'System', eventRecordID: 3 })
  t.match(
    await agent.metrics.registry.metrics(),
    /skald_agent_windows_event_errors_total\{error="malformed"\} 2\n/,
  )
})

test('Windows events of a cleared log, or one that has overwritten its position, are read from the start', async t => {
  const { directory, receiver, logs } = await setUp(t, { System: { records: records(1, 50) } })
  const log = logOf()
  const first = await startTestAgent(t, configOf(directory, receiver.url), { logger: log.logger })
  await waitFor(() => positionsOf(directory).includes("RecordId='50'"))
  logs.change(logs => {
    logs.System = { records: records(1, 2) }
  })
  await receiver.until(() => receiver.entries.length === 2)
  t.match(log.text(), /Event log was cleared/)
  await waitFor(() => positionsOf(directory).includes("RecordId='2'"))
  await first.stop()
  logs.change(logs => {
    logs.System = { records: records(30, 32) }
  })
  await startTestAgent(t, configOf(directory, receiver.url), { logger: log.logger })
  await receiver.until(() => receiver.entries.length >= 5)
  t.match(log.text(), /"place":2,"oldest":30,.*has overwritten unread events/)
  t.strictSame(idsOf(receiver), [1, 2, 30, 31, 32])
})

test('Forwarded Windows events keep their numbers, and are read by those of the collecting log', async t => {
  const { directory, receiver, logs } = await setUp(t, { ForwardedEvents: { records: [] } })
  const config = configOf(directory, receiver.url, 'eventlog_name: ForwardedEvents')
  const first = await startTestAgent(t, config)
  await waitFor(() => positionsOf(directory).includes("RecordId='0'"))
  const forwarded = (id: number, number: number, computer: string) => ({
    ...{ id, xml: eventXml(number, { channel: 'Security', computer }) },
  })
  logs.change(({ ForwardedEvents }) =>
    ForwardedEvents!.records.push(forwarded(1, 900, 'a'), forwarded(2, 17, 'b')),
  )
  await receiver.until(() => receiver.entries.length === 2)
  await waitFor(() => positionsOf(directory).includes("'ForwardedEvents' RecordId='2'"))
  await first.stop()
  logs.change(({ ForwardedEvents }) => ForwardedEvents!.records.push(forwarded(3, 18, 'b')))
  await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length >= 3)
  t.strictSame(idsOf(receiver), [900, 17, 18])
  t.match(receiver.entries[1]?.labels, /channel="Security", computer="b"/)
})

test('Windows events continue by their own numbers if no bookmark was saved', async t => {
  const { directory, receiver, logs } = await setUp(t, {
    System: { records: records(1, 1), isWithoutBookmarks: true },
  })
  await startTestAgent(t, configOf(directory, receiver.url))
  await waitFor(() => positionsOf(directory).includes("RecordId='1'"))
  logs.change(({ System }) => System!.records.push(...records(2, 600)))
  await receiver.until(() => receiver.entries.length >= 599)
  await waitFor(() => positionsOf(directory).includes("RecordId='600'"))
  t.strictSame(idsOf(receiver), numbers(2, 600))
})

test('Windows events: what cannot be run or read is refused, with advice', async t => {
  const directory = t.testdir()
  const load = (job: string) =>
    loadAgentConfig({ text: configOf(directory, 'http://127.0.0.1:1/', job), path: 'a.yaml' })
  await t.rejects(load('locale: 0'), /windows_events needs eventlog_name such as Application/)
  await t.rejects(load('xpath_query: "<QueryList>"'), /xpath_query that is not XML/)
  await t.rejects(load('eventlog_name: A, bookmark: b'), /bookmark/)
  await t.rejects(load('eventlog_name: A, poll_interval: -1s'), /must not be negative/)
  const { PATH } = process.env
  process.env.PATH = directory
  try {
    const config = await load('eventlog_name: System')
    t.match(
      await problemOf(config),
      /job windows reads the event log of Windows, and wevtutil cannot be run: .*ENOENT.* Run this job on Windows/,
    )
  } finally {
    process.env.PATH = PATH
  }
  installEventLogs(t, directory, {})
  const config = await load('eventlog_name: System, locale: 999999')
  t.match(await problemOf(config), /locale 999999 is not a Windows language/)
})
