import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'tap'
import { linkPlaces } from '../../src/files/link-places.ts'

test('linkPlaces names every link between a path and its file', async t => {
  const root = realpathSync(t.testdir({ data: { pods: { 'c.log': 'x' } } }))
  t.same(linkPlaces(`${root}/data/pods/c.log`), [`${root}/data/pods/c.log`], 'no link')
  symlinkSync('data', `${root}/var`)
  mkdirSync(`${root}/containers`)
  symlinkSync(`${root}/var/pods/c.log`, `${root}/containers/b.log`)
  symlinkSync('../containers/./b.log', `${root}/data/a.log`)
  t.same(linkPlaces(`${root}/var/a.log`), [
    ...[`${root}/var`, `${root}/data/a.log`, `${root}/containers/b.log`, `${root}/var`],
    `${root}/data/pods/c.log`,
  ])
  rmSync(`${root}/data/pods/c.log`)
  t.equal(linkPlaces(`${root}/var/a.log`), undefined, 'it leads nowhere')
  writeFileSync(`${root}/data/pods/c.log`, '')
  symlinkSync('loop', `${root}/loop`)
  t.equal(linkPlaces(`${root}/loop`), undefined, 'a loop')
})
