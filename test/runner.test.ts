// The runner of test files finds every way in which a file can fail.

import { test } from 'tap'
import { runFiles } from './runner/run-files.ts'

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
