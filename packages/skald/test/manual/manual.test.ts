// Completions and the manual, as the built program prints them and as shells use them.

import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { skaldCommand } from '../../../../e2e/skald-process.ts'
import { flagsOf } from '../../src/manual/flags.ts'

const skald = (...args: readonly string[]) =>
  execFileSync(skaldCommand, [...args], { encoding: 'utf8' })

test('flags are found in both kinds of help text', async t => {
  const ours = `skald x [options] FILE

  --deep            also read
  --limit N         maximum
  -config.file FILE configuration
`
  t.same(
    flagsOf(ours).map(({ name }) => name),
    ['--deep', '--limit', '-config.file'],
  )
  const library = `Options:
  -o, --output <format>  how to print (choices: "raw", "csv", default:
                         "raw")
  -h, --help             print this
`
  t.match(flagsOf(library), [{ name: '--output', choices: ['raw', 'csv'] }, { name: '--help' }])
})

test('bash completes commands, flags and words', async t => {
  const script = join(t.testdir(), 'skald.bash')
  writeFileSync(script, skald('completion', 'bash'))
  const complete = (...words: readonly string[]) => {
    const list = ['skald', ...words].map(word => `'${word}'`).join(' ')
    const code = `source '${script}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _skald; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', code], { encoding: 'utf8' }).trim().split('\n')
  }
  t.same(complete('qu'), ['query'])
  t.same(complete('re'), ['ready', 'restore'])
  t.same(complete('query', '--for'), ['--forward'])
  t.same(complete('query', '--output', 'js'), ['jsonl'])
  t.same(complete('verify', '--de'), ['--deep'])
  t.same(complete('store', '-config.f'), ['-config.file'])
  t.same(complete('completion', ''), ['bash', 'zsh', 'fish'])
})

test('zsh and fish accept their scripts', async t => {
  for (const shell of ['zsh', 'fish']) {
    const script = skald('completion', shell)
    t.match(script, /query/)
    const { status, error, stderr } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
    if (error) t.comment(`${shell} is not on the PATH: its syntax was not checked`)
    else t.equal(status, 0, stderr)
  }
  const { status, stderr } = spawnSync(skaldCommand, ['completion', 'csh'], { encoding: 'utf8' })
  t.equal(status, 2)
  t.match(stderr, /^skald completion takes one of bash, zsh, fish/)
})

test('the manual has every command', async t => {
  const page = skald('man')
  t.match(page, /^\.TH SKALD 1/)
  for (const name of ['STORE', 'QUERY', 'EXPORT', 'VERIFY']) t.match(page, `.SH "SKALD ${name}"`)
  const { status, error, stderr } = spawnSync('man', ['--warnings', '-l', '-'], {
    ...{ input: page, encoding: 'utf8', env: { ...process.env, PAGER: 'cat', MANWIDTH: '200' } },
  })
  if (error) t.comment('man is not on the PATH: the page was not formatted')
  else t.same([status, stderr], [0, ''])
})
