// Segments with every kind of damage: every second byte flipped, a third of all lengths. `npm run torture -- --only damage` flips every bit of a byte, and every
// byte of a catalog.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { answerProblems, openDamagedStore } from './damaged-store.ts'

for (const isMerged of [false, true]) {
  const what = isMerged ? 'a merged segment' : 'a segment of level 0'

  test(`a flipped byte of ${what} never gives a wrong line, or hides one in silence`, {
    timeout: 120_000,
  }, async t => {
    const store = await openDamagedStore(t, { isMerged })
    t.same(answerProblems(await store.ask(), store), [])
    let noticed = 0
    for (let at = 0; at < store.whole.length; at += 2) {
      const bytes = Buffer.from(store.whole)
      bytes[at]! ^= 1 << (at % 8)
      store.write(bytes)
      const answer = await store.ask()
      if (answer.warnings.length > 0) noticed++
      t.same(answerProblems(answer, store), [], `byte ${at}`)
    }
    t.ok(noticed > store.whole.length / 8, `${noticed} of ${store.whole.length / 2} are noticed`)
  })

  test(`${what} may be cut anywhere`, { timeout: 120_000 }, async t => {
    const store = await openDamagedStore(t, { isMerged })
    for (let length = 0; length < store.whole.length; length += 3) {
      store.write(store.whole.subarray(0, length))
      const answer = await store.ask()
      t.same(answerProblems(answer, store), [], `${length} bytes`)
      t.not(answer.warnings.length, 0)
    }
  })

  test(`${what} may be deleted, of zeroes, doubled, swapped, or from another store`, async t => {
    const store = await openDamagedStore(t, { isMerged })
    const foreign = await openDamagedStore(subScope(t, 'foreign'), { isMerged, shiftNs: 7n })
    const damages: Record<string, () => void> = {
      deleted: () => rmSync(store.path),
      'of zeroes': () => store.write(Buffer.alloc(store.whole.length)),
      doubled: () => store.write(Buffer.concat([store.whole, store.whole])),
      empty: () => store.write(Buffer.alloc(0)),
      'from another store': () => store.write(foreign.whole),
    }
    for (const [name, damage] of Object.entries(damages)) {
      damage()
      t.same(answerProblems(await store.ask(), store), [], name)
      store.repair()
    }
    store.swap()
    const { lines, warnings } = await store.ask()
    t.same(
      lines.filter(line => !store.all.includes(line)),
      [],
    )
    t.ok(lines.length === store.all.length || warnings.length > 0, 'swapped files are noticed')
  })
}

/** A scope with a directory below the test's. */
function subScope(t: Test, name: string) {
  const dir = join(t.testdirName, name)
  return {
    testdir: () => {
      mkdirSync(dir, { recursive: true })
      return dir
    },
    teardown: (close: () => unknown) => t.teardown(close),
  }
}
