import { pino } from 'pino'
import { test } from 'tap'
import { RefusalLog } from '../../src/ingest/refusal-log.ts'

function open() {
  const lines: { [key: string]: unknown }[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const clock = { nowMs: 0, now: () => clock.nowMs }
  const log = new RefusalLog(logger, clock)
  const refuse = (tenant: string, reason: string, message = 'why') =>
    log.add({ tenant, reason, stream: '{a="b"}', message, entries: 2, bytes: 10 })
  return { lines, clock, refuse }
}

test('RefusalLog logs the tenant, the reason and the stream', async t => {
  const { lines, refuse } = open()
  refuse('a', 'line_too_long')
  t.match(lines, [
    {
      level: 40,
      tenant: 'a',
      reason: 'line_too_long',
      stream: '{a="b"}',
      entries: 2,
      bytes: 10,
      msg: 'entries were rejected: why',
    },
  ])
})

test('RefusalLog repeats a message only after a while, with the number left out', async t => {
  const { lines, clock, refuse } = open()
  for (let i = 0; i < 1000; i++) refuse('a', 'line_too_long')
  refuse('a', 'rate_limited')
  refuse('b', 'line_too_long')
  t.equal(lines.length, 3)
  clock.nowMs = 10_000
  refuse('a', 'line_too_long')
  t.equal(lines.length, 4)
  t.equal(lines[3]!.entriesBefore, 1998)
})

test('RefusalLog shortens texts whose length the client controls', async t => {
  const { lines, refuse } = open()
  refuse('a', 'label_value_too_long', 'x'.repeat(100_000))
  t.ok(JSON.stringify(lines).length < 2000)
})
