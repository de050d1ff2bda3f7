import { statSync } from 'node:fs'
import { test } from 'tap'
import { makePrivateDirectory } from '../src/index.ts'

test('makePrivateDirectory creates a directory and its parents, for their owner only', async t => {
  const directory = t.testdir({ file: 'x', there: {} })
  makePrivateDirectory(`${directory}/there`)
  makePrivateDirectory(`${directory}/there/a/b/c`)
  for (const path of ['a', 'a/b', 'a/b/c']) {
    t.equal(statSync(`${directory}/there/${path}`).mode & 0o777, 0o700, path)
  }
  const refuses = (path: string, code: string) =>
    t.throws(() => makePrivateDirectory(path), { code, path })
  refuses(`${directory}/file`, 'EEXIST')
  refuses(`${directory}/file/a`, 'ENOTDIR')
  t.throws(() => makePrivateDirectory('/proc/skald/data'), { code: 'ENOENT', path: '/proc/skald' })
})
