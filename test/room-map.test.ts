import { test } from 'tap'
import { circular, type Floors, importsOf, misplaced, upward } from './room-map.ts'

const floors: Floors = [['index.ts'], ['engine', 'clock.ts'], ['text']]

test('Imports of all forms are found', t => {
  const text = [
    `import { a } from './a.ts'`,
    `import type { B } from '../text/b.ts'`,
    `import '../text/c.ts'`,
    `export { d } from './d.ts'`,
    `const e = await import('../clock.ts')`,
    `import { other } from '@skald/wire'`,
  ].join('\n')
  t.same(
    importsOf({ 'engine/x.ts': text }).map(({ to }) => to),
    ['engine/a.ts', 'text/b.ts', 'text/c.ts', 'engine/d.ts', 'clock.ts'],
  )
  t.end()
})

test('Imports that run up, or to a neighbour, are found', t => {
  const sources = {
    'index.ts': `import { run } from './engine/run.ts'`,
    'engine/run.ts': `import { now } from '../clock.ts'\nimport { step } from './step.ts'`,
    'engine/step.ts': `import { t } from '../text/t.ts'`,
    'clock.ts': '',
    'text/t.ts': `import type { Run } from '../engine/run.ts'`,
  }
  t.same(upward(sources, floors), [
    'engine/run.ts imports clock.ts',
    'text/t.ts imports engine/run.ts',
  ])
  t.same(misplaced(sources, floors), [])
  t.end()
})

test('Circles of files are found, also lazy ones', t => {
  const sources = {
    'a.ts': `import { b } from './b.ts'`,
    'b.ts': `const a = await import('./a.ts')`,
    'c.ts': `import { a } from './a.ts'`,
  }
  t.same(circular(sources), ['a.ts', 'b.ts'])
  t.end()
})

test('Rooms without a floor, floors without a room and rooms on two floors are found', t => {
  const sources = { 'index.ts': '', 'engine/a.ts': '', 'new/b.ts': '' }
  t.same(misplaced(sources, [...floors, ['index.ts']]), [
    'new: no floor',
    'clock.ts: no room',
    'text: no room',
    'index.ts: two floors',
  ])
  t.end()
})
