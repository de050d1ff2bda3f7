// The runner of test files finds every way in which a file can fail.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { runFiles } from './runner/run-files.ts'

const leaving = "test('a', async t => { t.pass(); exit(0) })"
const head = "import { test } from 'tap'\n"
const samples = {
  'passes.ts': `${head}test('a', async t => { t.pass('one'); await t.test('b', async t => t.pass('two')) })`,
  'fails.ts': `${head}test('a', async t => { await t.test('b', async t => t.equal(1, 2, 'one is two')); t.pass() })`,
  'throws.ts': `${head}test('a', async () => { throw new Error('a bad day') })`,
  'stays.ts': `${head}test('a', async t => { t.pass(); await new Promise(() => {}) })`,
  'leaves.ts': `${head}test('a', async t => { t.pass(); process.exit(0) })`,
  'after.ts': `${head}test('a', async t => { t.pass() }); process.on('exit', () => { process.exitCode = 3 })`,
  'stops.ts': "throw new Error('no start')",
  'says-nothing.ts': "console.log('hello')",
  'skips.ts': `${head}test('a', { skip: 'there is no helm' }, async () => {})`,
  'keeps-pipe.ts': `${head}import { spawn } from 'node:child_process'
test('a', async t => {
  t.pass()
  spawn('sleep', ['7'], { stdio: ['ignore', 'inherit', 'ignore'], detached: true }).unref()
  console.log('# sleep runs')
})`,
}

test('Each way to fail counts as a failure, with its reason', async t => {
  const rootDir = t.testdir(samples)
  const seen: string[] = []
  const results = await runFiles(Object.keys(samples), {
    ...{ rootDir, jobs: 3, nodeFlags: [] },
    env: process.env,
    onResult: ({ file }) => seen.push(file),
  })
  t.same(seen.toSorted(), Object.keys(samples).toSorted())
  const of = (name: string) => results.find(({ file }) => file === name)!
  const firstLines = (name: string) => of(name).failures.map(text => text.split('\n')[0])
  t.match(of('passes.ts'), { passed: 2, failures: [], skips: [] })
  t.match(of('keeps-pipe.ts'), { passed: 1, failures: [] })
  t.match(of('skips.ts'), { passed: 0, failures: [], skips: ['a: there is no helm'] })
  t.match(of('fails.ts'), { passed: 1 })
  t.same(firstLines('fails.ts'), ['a > b > one is two'])
  t.match(of('fails.ts').failures[0], /^ {2}diff: \|/m)
  t.same(firstLines('throws.ts'), ['a > a bad day'])
  t.match(firstLines('stays.ts'), [/unfinished/])
  t.match(firstLines('leaves.ts'), [/unfinished/])
  t.same(firstLines('after.ts'), ['it ended with code 3'])
  t.same(firstLines('stops.ts'), ['it ended with code 1'])
  t.match(of('stops.ts').failures[0], /no start/)
  t.same(firstLines('says-nothing.ts'), ['it has no assertions'])
})

test('Files that share a process have their own results, and one that ends it harms none of the others', async t => {
  const rootDir = t.testdir(samples)
  const files = [
    'passes.ts',
    'fails.ts',
    'throws.ts',
    'stops.ts',
    'leaves.ts',
    'skips.ts',
    'stays.ts',
  ]
  const first = `${head}test('directory', async t => t.match(t.testdir(), /${'fixtures.*first'}/))`
  const last = `${head}test('directory', async t => t.match(t.testdir(), /${'fixtures.*last'}/))`
  writeFileSync(join(rootDir, 'first.ts'), first)
  writeFileSync(join(rootDir, 'last.ts'), last)
  // Only a file that says so in its text gets a separate process.
  writeFileSync(join(rootDir, 'leaves.ts'), `${head}const { exit } = process\n${leaving}`)
  const all = ['first.ts', ...files, 'last.ts']
  const results = await runFiles(all, {
    ...{ rootDir, jobs: 1, nodeFlags: [], env: process.env, mayShare: new Set(all) },
    onResult: () => {},
  })
  t.same(
    results.map(({ file }) => file),
    all,
  )
  const of = (name: string) => results.find(({ file }) => file === name)!
  const firstLines = (name: string) => of(name).failures.map(text => text.split('\n')[0])
  t.match(of('first.ts'), { passed: 1, failures: [] })
  t.match(of('passes.ts'), { passed: 2, failures: [], skips: [] })
  t.same(firstLines('fails.ts'), ['a > b > one is two'])
  t.equal(of('fails.ts').passed, 1)
  t.same(firstLines('throws.ts'), ['a > a bad day'])
  t.match(firstLines('stops.ts'), [/no start/])
  t.equal(of('leaves.ts').passed, 1)
  t.equal(of('leaves.ts').failures.length, 1)
  t.match(of('skips.ts'), { passed: 0, failures: [], skips: ['a: there is no helm'] })
  t.match(firstLines('stays.ts'), [/unfinished/])
  t.match(of('last.ts'), { passed: 1, failures: [] })
})
