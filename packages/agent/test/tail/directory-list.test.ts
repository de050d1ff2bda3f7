import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { DirectoryLists } from '../../src/tail/directory-list.ts'
import { fillDirectory } from './large-directory.ts'

function openDirectory(t: Test, names: readonly string[]) {
  const directory = t.testdir()
  for (const name of names) writeFileSync(join(directory, name), name)
  return { directory, lists: new DirectoryLists() }
}

test('DirectoryList finds names by prefix, and files by inode', t => {
  const names = ['b.log', 'a.log.2', 'a.log', 'a-b.log', 'a.log.1', 'c']
  const { directory, lists } = openDirectory(t, names)
  const list = lists.fresh(directory)
  const found = (prefix: string) => list.withPrefix(prefix).map(({ name }) => name)
  t.strictSame(found('a.log'), ['a.log', 'a.log.1', 'a.log.2'])
  t.strictSame(found(''), names.toSorted())
  t.strictSame(found('a.log.11'), [])
  t.strictSame(found('d'), [])
  const { dev, ino } = statSync(join(directory, 'c'), { bigint: true })
  t.equal(list.withKey(`${dev}:${ino}`)?.name, 'c')
  t.equal(list.withKey(`${dev}:0`), undefined)
  t.end()
})

test('DirectoryList reports what is gone, not a file, or not there at all', t => {
  const { directory, lists } = openDirectory(t, ['a', 'b'])
  const [a, b] = lists.fresh(directory).withPrefix('')
  rmSync(join(directory, 'a'))
  t.ok(a!.isGone)
  t.equal(a!.stats, undefined)
  t.equal(b!.stats!.size, 1n)
  const [only] = lists.fresh(join(directory, '..')).withPrefix(directory.split('/').at(-1)!)
  t.notOk(only!.isGone)
  t.equal(only!.key, undefined, 'a directory is no file')
  t.strictSame(lists.fresh(join(directory, 'none')).withPrefix(''), [])
  t.end()
})

test('DirectoryLists list a small directory on every request', t => {
  const { directory, lists } = openDirectory(t, ['a'])
  for (const name of ['b', 'c', 'd']) {
    lists.fresh(directory)
    renameSync(
      join(directory, lists.fresh(directory).withPrefix('')[0]!.name),
      join(directory, name),
    )
    const now = lists.since(directory, performance.now())
    t.strictSame(
      now?.withPrefix('').map(sibling => sibling.name),
      [name],
    )
  }
  t.end()
})

test('DirectoryLists list a slow directory less often', async t => {
  const { directory, lists } = openDirectory(t, [])
  fillDirectory(directory)
  const first = lists.fresh(directory)
  const sinceMs = performance.now()
  writeFileSync(join(directory, 'new'), '')
  t.equal(lists.since(directory, sinceMs), undefined, 'too soon')
  t.equal(lists.last(directory), first)
  let next: ReturnType<typeof lists.since>
  while (!next) {
    await new Promise(resolve => setTimeout(resolve, 5))
    next = lists.since(directory, sinceMs)
  }
  t.equal(next.withPrefix('new').length, 1)
  t.equal(lists.since(directory, sinceMs), next, 'serves whoever asked before it began')
})
