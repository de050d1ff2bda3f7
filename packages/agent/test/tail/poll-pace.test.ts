import { type Test, test } from 'tap'
import {
  aliasPollMs,
  busyPollMs,
  deafPollMsMax,
  distrustMs,
  idlePollMsMax,
  watchedPollMsMax,
} from '../../src/limits.ts'
import { PollPace, type PollState } from '../../src/tail/poll-pace.ts'

const minPollMs = 250

/** A file that is checked whenever it is due. */
class File {
  readonly pace = new PollPace<PollState>({ minPollMs, maxPollMs: minPollMs, nowMs: 0 })
  readonly state = this.pace.newState(0)
  readonly reportsAll: boolean
  nowMs = 0

  constructor(reportsAll: boolean) {
    this.reportsAll = reportsAll
    this.check({})
  }

  check(found: { readonly hasChanged?: boolean; readonly isAlias?: boolean }): number {
    const { nowMs } = this
    const result = { hasChanged: false, isAlias: false, reportsAll: () => this.reportsAll }
    this.pace.checked(this.state, { nowMs, ...result, ...found })
    return this.state.pollEveryMs
  }

  /** Waits until it is due and checks it. Returns the time to the next check. */
  next(found: { readonly hasChanged?: boolean; readonly isAlias?: boolean } = {}): number {
    do this.nowMs += minPollMs
    while (!this.pace.takeDue(this.nowMs).includes(this.state))
    return this.check(found)
  }

  settle(): number {
    for (let i = 0; i < 20; i++) this.next()
    return this.state.pollEveryMs
  }
}

/** Finds a change that the watch did not report, twice if it keeps silent. */
function missChange(t: Test, file: File): void {
  t.equal(file.next({ hasChanged: true }), minPollMs)
  t.equal(file.state.isDeaf, false, 'the report may be on its way')
  file.next()
}

test('an idle file is checked rarely, and more rarely if the watch reports everything', async t => {
  t.equal(new File(false).settle(), idlePollMsMax)
  const watched = new File(true)
  t.equal(watched.settle(), watchedPollMsMax)
  t.equal(watched.next({ isAlias: true }), aliasPollMs)
})

test('a change that was reported in time says nothing against the watch', async t => {
  const file = new File(true)
  file.settle()
  file.next({ hasChanged: true })
  file.nowMs += 20
  file.state.hintedMs = file.nowMs
  file.check({})
  t.equal(file.settle(), watchedPollMsMax)
  t.equal(file.state.isDeaf, false)
})

test('a new file that takes long to open says nothing against the watch', async t => {
  const file = new File(true)
  const late = file.pace.newState(0)
  const result = { isAlias: false, reportsAll: () => true }
  for (const [nowMs, hasChanged] of [
    [0, true],
    [2_000, true],
    [4_000, false],
  ] as const) {
    file.pace.checked(late, { nowMs, hasChanged, ...result })
  }
  t.equal(late.isDeaf, false)
})

test('a watch that missed a change is not trusted, nor any other for a while', async t => {
  const file = new File(true)
  file.settle()
  missChange(t, file)
  t.equal(file.state.isDeaf, true)
  t.equal(file.settle(), deafPollMsMax)
  const other = file.pace.newState(file.nowMs)
  const idle = () => {
    const result = { hasChanged: false, isAlias: false, reportsAll: () => true }
    for (let i = 0; i < 20; i++) file.pace.checked(other, { nowMs: file.nowMs, ...result })
    return other.pollEveryMs
  }
  t.equal(idle(), idlePollMsMax)
  file.nowMs += distrustMs
  t.equal(idle(), watchedPollMsMax)
})

test('a busy file is not checked at every report', async t => {
  const file = new File(true)
  t.equal(file.pace.hinted(file.state, file.nowMs), true, 'an idle file is')
  file.check({ hasChanged: true })
  t.equal(file.pace.hinted(file.state, file.nowMs + busyPollMs - 1), false)
  t.equal(file.pace.hinted(file.state, file.nowMs + busyPollMs), true)
  t.equal(file.state.hintedMs, file.nowMs + busyPollMs, 'each report counts for the watch')
})

test('a file can be made due at once', async t => {
  const file = new File(true)
  file.settle()
  file.pace.hasten(file.state, file.nowMs)
  file.nowMs += minPollMs
  t.same(file.pace.takeDue(file.nowMs), [file.state])
  file.pace.hasten(file.state, file.nowMs)
  file.pace.remove(file.state)
  t.same(file.pace.takeDue(file.nowMs + minPollMs), [])
})
