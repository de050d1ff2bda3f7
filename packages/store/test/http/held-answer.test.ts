import { EventEmitter, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'tap'
import { holdUntilTaken, watchTaking } from '../../src/http/held-answer.ts'
import { formatAnswer } from '../../src/http/query-routes.ts'
import { watchedAnswerBytes } from '../../src/limits.ts'
import { AnswerHold } from '../../src/memory/answer-hold.ts'
import { createLedger, MemoryLedger } from '../../src/memory/ledger.ts'

/** A response whose client takes nothing. */
class OpenResponse extends EventEmitter {
  destroy(): void {
    this.emit('close')
  }
}

function open() {
  const ledger = new MemoryLedger(createLedger(100 * 1024 * 1024, 1e9))
  const response = new OpenResponse() as unknown as ServerResponse & OpenResponse
  const hold = holdUntilTaken(response, () => new AnswerHold(ledger, () => {}))!
  return { ledger, response, hold }
}

test('an answer holds memory until its response has ended', async t => {
  const { ledger, response, hold } = open()
  hold.take(4096)
  t.equal(ledger.reservedKib, 4)
  response.emit('close')
  t.equal(ledger.reservedKib, 0)
})

test('a client that does not take a large answer is cut off', async t => {
  // The timer alone does not keep the process.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const { ledger, response, hold } = open()
  hold.take(watchedAnswerBytes)
  watchTaking(response, hold, 20)
  await once(response, 'close')
  t.equal(ledger.reservedKib, 0)
})

test('a client may take its time with a small answer', async t => {
  const { ledger, response, hold } = open()
  hold.take(watchedAnswerBytes / 2)
  watchTaking(response, hold, 1)
  await new Promise(resolve => setTimeout(resolve, 30))
  t.not(ledger.reservedKib, 0)
})

test('without a limit, nothing is held', async t => {
  const response = new OpenResponse() as unknown as ServerResponse
  t.equal(holdUntilTaken(response, undefined), undefined)
  watchTaking(response, undefined)
})

test('an answer that is longer than a text may be is an error with a clear text', async t => {
  const result = { kind: 'scalar', timeNs: 0n, value: 1, stats: {}, warnings: [] }
  // As long as a text may be. It takes no memory, because nobody reads it.
  const statsJson = 'x'.repeat(2 ** 29 - 24)
  t.throws(() => formatAnswer(result as never, { categorizeLabels: false, statsJson }), {
    code: 'ANSWER_TOO_LARGE',
    message: /^the answer is longer than 512 MiB: ask for a shorter time/,
  })
})
