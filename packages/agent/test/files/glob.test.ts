import { symlinkSync } from 'node:fs'
import { test } from 'tap'
import { compileGlob } from '../../src/files/glob.ts'

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
  t.strictSame(await find('x/y/**'), ['x/y/d.log'], 'two stars at the end are all files below')
  t.strictSame(await find('x/y/**/'), ['x/y/d.log'])
  t.ok((await find('**')).includes('.hidden.log'))
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
  f('/[!a].log', '/b.log', true)
  f('/[!a].log', '/a.log', false)
  f('/[^a-c].log', '/b.log', false)
  f('/[a\\]].log', '/].log', true)
  f('/[\\^-a].log', '/`.log', true)
  f('/[a-].log', '/-.log', true)
  f('/[z-a]b.log', '/zb.log', false)
  f('/[[:digit:]].log', '/1.log', false)
  f('/[[:digit:]].log', '/d].log', true)
  f('/a\\{b\\}.log', '/a{b}.log', true)
  f('/{a\\,b,c}.log', '/a,b.log', true)
  f('/é?.log', '/é😀.log', true)
  f('/a**b.log', '/axxb.log', true)
})

test('Glob keeps a path without wildcards as written', async t => {
  const directory = t.testdir({ 'a.log': '', 'b.log': '' })
  const find = (pattern: string) => compileGlob(pattern).find({})
  for (const path of [`${directory}//a.log`, `${directory}/./a.log`]) {
    t.strictSame(await find(path), [path])
    t.ok(compileGlob(path).matches(path))
  }
  t.strictSame(await find(`${directory}//*.log`), [`${directory}/a.log`, `${directory}/b.log`])
})

test('Glob rejects unclosed brackets', async t => {
  t.throws(() => compileGlob('/var/[x'), SyntaxError)
  t.throws(() => compileGlob('/var/{a,b'), SyntaxError)
  t.throws(() => compileGlob('/var/[]a]'), SyntaxError)
})
