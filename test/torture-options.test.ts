import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { parseTortureOptions, usage } from '../torture/options.ts'

const known = ['power-loss', 'errors', 'soak']

test('without arguments all parts run but the soak, with a new seed', async t => {
  const { names, seed, rounds, minutes, jobs } = parseTortureOptions([], known)
  t.same(names, ['power-loss', 'errors'])
  t.type(seed, 'number')
  t.equal(rounds, undefined)
  t.equal(minutes, 30)
  t.equal(jobs, 2)
})

test('parts are named with or without --only', async t => {
  const args = ['soak', '--only', 'errors', '--seed', '7', '--rounds', '3', '--minutes', '2']
  args.push('--jobs', '1')
  t.same(parseTortureOptions(args, known), {
    ...{ names: ['soak', 'errors'], seed: 7, rounds: 3, minutes: 2, jobs: 1 },
  })
})

test('mistakes are named', async t => {
  t.throws(() => parseTortureOptions(['other'], known), { message: 'There is no part other' })
  t.throws(() => parseTortureOptions(['--seed', 'x'], known), {
    message: '--seed needs a whole number, not x',
  })
  t.throws(() => parseTortureOptions(['--jobs', '0'], known), {
    message: '--jobs must be at least 1',
  })
  t.match(usage(known), /Parts: power-loss, errors, soak/)
})

test('the page of the torture names each part', async t => {
  const page = readFileSync(new URL('../torture/README.md', import.meta.url), 'utf8')
  const code = readFileSync(new URL('../torture/parts.ts', import.meta.url), 'utf8')
  const table = code.slice(code.indexOf('export const parts'))
  const names = [...table.matchAll(/^ {2}'?([a-z-]+)'?: \{ run:/gm)].map(([, name]) => name!)
  t.ok(names.length >= 8)
  for (const name of names) t.ok(page.includes(`| \`${name}\` |`), name)
})
