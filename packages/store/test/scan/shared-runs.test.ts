import { test } from 'tap'
import { SharedRuns } from '../../src/scan/shared-runs.ts'

/** A run that ends on request or with its signal. */
function controlled() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let starts = 0
  let ended: unknown
  const start = (signal: AbortSignal) => {
    starts++
    signal.addEventListener('abort', () => {
      ended = signal.reason
      reject(signal.reason as Error)
    })
    return promise
  }
  return { start, resolve, reject, starts: () => starts, ended: () => ended }
}

const never = () => new AbortController().signal

test('equal requests at the same moment share one run', async t => {
  const runs = new SharedRuns<string>()
  const run = controlled()
  const answers = [1, 2, 3].map(() => runs.join('key', never(), run.start))
  const other = runs.join('other', never(), async () => 'other')
  run.resolve('result')
  t.same(await Promise.all(answers), ['result', 'result', 'result'])
  t.equal(await other, 'other')
  t.equal(run.starts(), 1)
  t.equal(runs.size, 0)
  t.equal(
    await runs.join('key', never(), async () => 'new'),
    'new',
    'later callers start a new run',
  )
})

test('a run survives when one of its waiters leaves, and ends with the last', async t => {
  const runs = new SharedRuns<string>()
  const run = controlled()
  const [first, second] = [new AbortController(), new AbortController()]
  const left = runs.join('key', first.signal, run.start)
  const stays = runs.join('key', second.signal, run.start)
  first.abort(new Error('gone'))
  await t.rejects(left, { message: 'gone' })
  t.equal(run.ended(), undefined)
  second.abort(new Error('gone too'))
  await t.rejects(stays, { message: 'gone too' })
  t.match(run.ended(), { name: 'AbortError' })
  t.equal(runs.size, 0)
})

test('an error reaches all waiters, and the next caller starts a new run', async t => {
  const runs = new SharedRuns<string>()
  const run = controlled()
  const answers = [1, 2].map(() => runs.join('key', never(), run.start))
  run.reject(new Error('broken'))
  for (const answer of answers) await t.rejects(answer, { message: 'broken' })
  t.equal(await runs.join('key', never(), async () => 'new'), 'new')
  const aborted = AbortSignal.abort(new Error('before'))
  await t.rejects(runs.join('key', aborted, run.start), { message: 'before' })
  t.equal(run.starts(), 1)
})
