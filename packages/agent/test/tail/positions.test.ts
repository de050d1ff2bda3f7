import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'tap'
import { PositionsError } from '../../src/index.ts'
import { loadPositions, positionsText, savePositions } from '../../src/tail/positions.ts'

test('Positions survive a round trip, in a file that Promtail can read', async t => {
  const path = `${t.testdir()}/positions.yaml`
  const record = {
    ...{ id: 'a', scope: '/job', path: '/x "y".log', foundAt: '/z', dev: '1', ino: '2' },
    ...{ birthMs: 5, inodeBirthMs: 5, order: 1, offset: 7, isFinished: true },
    head: { end: 3, length: 3, hash: 'h' },
    tail: { end: 7, length: 7, hash: 'h' },
  }
  const saved = { records: [record], byPath: new Map([['/x "y".log', '7']]), searchedMs: 99 }
  savePositions(path, positionsText(saved), saved.searchedMs)
  t.strictSame(loadPositions(path), saved)
  const yaml = readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => !line.startsWith('#'))
  t.strictSame(yaml, ['positions:', '  "/x \\"y\\".log": "7"', ''])
})

test('loadPositions takes no file for an empty one and refuses a torn one', async t => {
  const directory = t.testdir()
  t.equal(loadPositions(`${directory}/none.yaml`).byPath.size, 0)
  writeFileSync(`${directory}/torn.yaml`, 'positions: [broken\n')
  t.throws(() => loadPositions(`${directory}/torn.yaml`), PositionsError)
  t.throws(() => loadPositions(directory), PositionsError)
})
