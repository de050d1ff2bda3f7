// Scanners that share the limit of a log query: no block that matters is left out, and few others are opened.

import { test } from 'tap'
import { createLimitBoard, LimitMarks } from '../../src/leaf/limit-board.ts'
import { boardMarksMax } from '../../src/limits.ts'
import type { LogLeaf } from '../../src/plan/log-source.ts'
import { parseLogQuery } from '../../src/syntax/parser.ts'

function leafOf(limit: number, direction: LogLeaf['direction']): LogLeaf {
  const log = parseLogQuery('{app="x"}')
  return { kind: 'logs', log, matchers: [], startNs: 0n, endNs: 1000n, direction, limit }
}

/** A small random generator. */
function createRandom(seed: number) {
  let state = seed
  return (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * limit)
  }
}

for (const direction of ['backward', 'forward'] as const) {
  test(`no block that matters is left out, ${direction}`, t => {
    const random = createRandom(7)
    let leftOut = 0
    let opened = 0
    let needed = 0
    for (let n = 0; n < 100; n++) {
      const limit = 1 + random(n % 3 === 0 ? 400 : 40)
      const leaf = leafOf(limit, direction)
      const board = createLimitBoard(leaf, 3)
      const scanners = [0, 1, 2].map(index => new LimitMarks(leaf, { board, index }))
      const known: bigint[][] = [[], [], []]
      for (let step = 0; step < 60; step++) {
        const index = random(3)
        for (let k = random(20); k > 0; k--) known[index]!.push(BigInt(random(1000)))
        scanners[index]!.publish(known[index]!)
        const minNs = BigInt(random(1000))
        const maxNs = minNs + BigInt(random(30))
        const all = known
          .flat()
          .sort((a, b) => ((direction === 'backward' ? b < a : a < b) ? -1 : 1))
        const worst = all[limit - 1]
        const mayMatter =
          worst === undefined || (direction === 'backward' ? maxNs >= worst : minNs <= worst)
        const isOpened = scanners[random(3)]!.mayMatter(minNs, maxNs)
        if (mayMatter && !isOpened) t.fail(`a block from ${minNs} to ${maxNs} is left out`)
        const isExact = limit <= boardMarksMax
        if (isExact && isOpened !== mayMatter) t.fail(`a block is opened, limit ${limit}`)
        needed += mayMatter ? 1 : 0
        opened += isOpened ? 1 : 0
        leftOut += isOpened ? 0 : 1
      }
    }
    t.ok(leftOut > 300, `${leftOut} left out`)
    t.ok(opened < needed * 1.1, `${opened} opened, ${needed} needed`)
    t.end()
  })
}
