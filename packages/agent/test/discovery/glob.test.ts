import { symlinkSync } from 'node:fs'
import { test } from 'tap'
import { compileGlob } from '../../src/discovery/glob.ts'

test('Glob finds files as doublestar does', async t => {
  const directory = t.testdir({
    'a.log': '',
    '.hidden.log': '',
    'b.txt': '',
    x: { 'c.log': '', y: { 'd.log': '' } },
  })
  symlinkSync(directory, `${directory}/x/loop`)
  const find = async (pattern: string) => {
    const found = await compileGlob(`${directory}/${pattern}`).find({})
    return found.map(path => path.slice(directory.length + 1)).sort()
  }
  t.strictSame(await find('*.log'), ['.hidden.log', 'a.log'])
  t.strictSame(await find('{a,b}.*'), ['a.log', 'b.txt'])
  t.strictSame(await find('[ab].???'), ['a.log', 'b.txt'])
  t.strictSame(await find('[^a].txt'), ['b.txt'])
  t.strictSame(await find('x/*'), ['x/c.log'])
  t.ok((await find('**/d.log')).includes('x/y/d.log'), 'and a loop of links ends')
  t.strictSame(await find('none/*'), [])
})

test('Glob matches paths without looking at files', async t => {
  const f = (pattern: string, path: string, want: boolean) =>
    t.equal(compileGlob(pattern).matches(path), want, `${pattern} ${path}`)
  f('/var/log/*.log', '/var/log/a.log', true)
  f('/var/log/*.log', '/var/log/x/a.log', false)
  f('/var/log/**/*.log', '/var/log/a.log', true)
  f('/var/log/**/*.log', '/var/log/x/y/a.log', true)
  f('/var/log/old/**', '/var/log/old/a/b', true)
  f('/a[1].log', '/a[1].log', true)
})

test('Glob refuses brackets that are not closed', async t => {
  t.throws(() => compileGlob('/var/[x'), SyntaxError)
  t.throws(() => compileGlob('/var/{a,b'), SyntaxError)
})
