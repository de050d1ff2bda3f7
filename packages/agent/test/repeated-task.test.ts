import { test } from 'tap'
import { RepeatedTask } from '../src/repeated-task.ts'

/** Returns a task whose runs end when told to. */
function manualTask() {
  const ends: (() => void)[] = []
  let isStopped = false
  const task = new RepeatedTask(
    () => new Promise<void>(resolve => ends.push(resolve)),
    () => isStopped,
  )
  const stop = () => {
    isStopped = true
  }
  return { task, ends, stop }
}

test('Requests during a run share one run after it', async t => {
  const { task, ends } = manualTask()
  const first = task.request()
  t.equal(ends.length, 1)
  const second = task.request()
  task.want()
  t.equal(ends.length, 1, 'one at a time')
  t.ok(task.isWanted)
  ends[0]!()
  await new Promise(setImmediate)
  t.equal(ends.length, 2)
  ends[1]!()
  await Promise.all([first, second])
  t.equal(ends.length, 2)
  t.equal(task.running, undefined)
})

test('No run begins after the stop', async t => {
  const { task, ends, stop } = manualTask()
  const first = task.request()
  void task.request()
  stop()
  ends[0]!()
  await first
  await task.request()
  t.equal(ends.length, 1)
})

test('A run that fails is told, and the next request runs again', async t => {
  let runCount = 0
  const task = new RepeatedTask(
    async () => {
      if (++runCount === 1) throw new Error('odd')
    },
    () => false,
  )
  await t.rejects(task.request(), { message: 'odd' })
  await task.request()
  t.equal(runCount, 2)
})
