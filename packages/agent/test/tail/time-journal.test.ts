import { appendFileSync } from 'node:fs'
import pino from 'pino'
import { test } from 'tap'
import { ReadTimes } from '../../src/tail/read-times.ts'
import { TimeJournal } from '../../src/tail/time-journal.ts'

const logger = pino({ level: 'silent' })
const record = {
  ...{ id: 'a', scope: '', path: '/x', foundAt: '/x', dev: '1', ino: '2', birthMs: 0 },
  ...{ inodeBirthMs: 0, order: 1, offset: 0, head: undefined, tail: undefined },
}

test('ReadTimes returns the same times after a restart, and new ones after them', async t => {
  const path = `${t.testdir()}/times`
  const journal = new TimeJournal({ path, logger })
  const times = new ReadTimes(journal, record)
  times.begin(0, 100)
  const first = times.timeAt(0)
  t.equal(times.timeAt(40), first + 40n, 'each offset has a time of its own')
  t.equal(times.pin(60, 5n), 5n)
  journal.flush()
  journal.close()
  appendFileSync(path, '{"f":"a","o":100,"e":2')
  const again = new TimeJournal({ path, logger })
  t.match(again.records, [{ id: 'a', path: '/x' }])
  const recovered = new ReadTimes(again, record)
  recovered.begin(0, 300)
  t.equal(recovered.timeAt(0), first)
  t.equal(recovered.timeAt(40), first + 40n)
  t.equal(recovered.pin(60, 77n), 5n)
  t.ok(recovered.timeAt(100) >= first + 100n)
})
