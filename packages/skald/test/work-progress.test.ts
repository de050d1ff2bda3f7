import { test } from 'tap'
import { WorkProgress } from '../src/work-progress.ts'
import { createTestTerminal } from './terminal-double.ts'

/** A clock that the test moves. */
function createClock() {
  let now = 0
  return { now: () => now, move: (ms: number) => (now += ms) }
}

test('a terminal gets a bar that is removed before other output', async t => {
  const terminal = createTestTerminal({ NO_COLOR: '1' }, { isTTY: true })
  const clock = createClock()
  const progress = new WorkProgress(terminal, 'checked', clock.now)
  progress.update(1e6, 10e6)
  t.equal(terminal.written.err(), '', 'quick work shows nothing')
  clock.move(150)
  progress.update(5e6, 10e6)
  t.match(terminal.written.err(), /^\r\[█{15}░{15}\] {2}50 % {2}5\.0 of 10\.0 MB, 5\.0 left$/)
  progress.clear()
  progress.clear()
  t.ok(terminal.written.err().endsWith('left\r\x1b[K'))
  t.equal(terminal.written.out(), '')
})

test('elsewhere there is a plain line now and then', async t => {
  const terminal = createTestTerminal()
  const clock = createClock()
  const progress = new WorkProgress(terminal, 'checked', clock.now)
  for (let done = 0; done <= 100; done += 5) {
    progress.update(done * 1e9, 100e9)
    clock.move(2500)
  }
  progress.clear()
  const lines = terminal.written.err().split('\n')
  t.equal(lines[0], 'checked 20GB of 100GB, 20 %')
  t.equal(lines.length, 6)
  t.notMatch(terminal.written.err(), '\r')
})
