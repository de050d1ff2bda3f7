// Every line of curl in docs/api.md does what the page says, on a store that just started.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { test } from 'tap'
import { startStore } from './harness.ts'

const run = promisify(execFile)
const page = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8')
const commands = [...page.matchAll(/```sh\n(.*?)```/gs)]
  .flatMap(([, block]) => block!.split('\n'))
  .filter(line => line.startsWith('curl '))

const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

test('the lines of docs/api.md', { skip: hasCurl ? false : 'there is no curl' }, async t => {
  const store = await startStore(t, { dir: t.testdir() })
  t.ok(commands.length >= 3)
  for (const command of commands) {
    const line = command.replace('http://127.0.0.1:3100', store.url)
    const { stdout } = await run('sh', ['-c', `${line} -sS -o /dev/null -w '%{http_code}'`])
    t.match(stdout, /^2\d\d$/, command)
  }
})
