import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'tap'
import { PositionsError } from '../../src/index.ts'
import {
  loadPositions,
  positionsText,
  salvagePositions,
  savePositions,
} from '../../src/tail/positions.ts'

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

test('loadPositions treats a missing file as empty and rejects a damaged one', async t => {
  const directory = t.testdir()
  t.equal(loadPositions(`${directory}/none.yaml`).byPath.size, 0)
  writeFileSync(`${directory}/torn.yaml`, 'positions: [broken\n')
  t.throws(() => loadPositions(`${directory}/torn.yaml`), PositionsError)
  t.throws(() => loadPositions(directory), PositionsError)
})

test('salvagePositions reads the intact parts of a damaged file', async t => {
  const directory = t.testdir()
  const path = `${directory}/positions.yaml`
  const known = {
    ...{ id: 'a', scope: '/job', path: '/var/log/lost.log', foundAt: '/z', dev: '1', ino: '2' },
    ...{ birthMs: 5, inodeBirthMs: 5, order: 1, offset: 9 },
    ...{ head: { end: 3, length: 3, hash: 'h' }, tail: { end: 9, length: 9, hash: 'h' } },
  }
  const whole = positionsText({
    records: [known],
    byPath: new Map([
      ['/a "b".log', '12'],
      ['cursor-x', 's=1;i=2'],
      ['/var/log/lost.log', '9'],
    ]),
  })
  t.strictSame(salvage(whole).byPath.get('/a "b".log'), '12')
  t.equal(salvage(whole).byPath.get('cursor-x'), 's=1;i=2')
  const damaged = whole.replace('"/var/log/lost.log": "9"', '"/var/log/lost.log": "9')
  t.equal(salvage(damaged).byPath.get('/var/log/lost.log'), '9', 'its record knows it')
  t.strictSame(salvage(damaged).records, [known])
  for (let end = 0; end < whole.length; end++) {
    const { byPath } = salvage(whole.slice(0, end))
    for (const [of, value] of byPath) t.equal(value, salvage(whole).byPath.get(of), `${end}: ${of}`)
  }
  t.equal(salvage('  /var/log/promtail.log: 17\n').byPath.get('/var/log/promtail.log'), '17')

  function salvage(text: string) {
    writeFileSync(path, text)
    return salvagePositions(path)
  }
})
