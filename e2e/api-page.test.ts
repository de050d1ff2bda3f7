// The lines to try of docs/api.md do what the page says.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { t as root, test } from 'tap'
import { startStore } from './harness.ts'

root.setTimeout(120_000)

const page = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8')
const lines = page.split('\n').filter(line => line.startsWith('curl '))
const hasCurl = spawnSync('curl', ['--version']).status === 0

/** What curl ends with when `--max-time` is over: a tail has no end. */
const timeIsOver = 28

test('every line to try is answered as it says', { skip: !hasCurl && 'no curl' }, async t => {
  const store = await startStore(t, { dir: t.testdir() })
  t.ok(lines.length > 10)
  for (const line of lines) {
    const [command = '', want = '200'] = line.split(' # ')
    const { status, stdout, stderr } = spawnSync(
      `${command.replaceAll('http://127.0.0.1:3100', store.url)} -w '\n%{http_code}'`,
      { shell: true, encoding: 'latin1' },
    )
    t.equal(stdout.trimEnd().split('\n').at(-1), want, line)
    t.ok(status === 0 || (status === timeIsOver && want === '101'), stderr)
  }
})
