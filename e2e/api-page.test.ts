// Every command on docs/api.md does what the page says: it is run as it stands, on a port of the test's.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { t as root, test } from 'tap'
import { startStore } from './harness.ts'

root.setTimeout(120_000)
const run = promisify(execFile)
const page = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8')

/** Lines of the code blocks that are commands. */
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
  block.split('\n').filter(line => line.startsWith('curl ')),
)

test('each command of the page is answered', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const values = ['level=info msg=a', '{"level":"warn","status":200}'].map((line, i) => [
    String(nowNs - BigInt(i)),
    line,
  ])
  const body = JSON.stringify({ streams: [{ stream: { app: 'shop' }, values }] })
  t.equal((await store.pushBytes(Buffer.from(body), 'application/json')).status, 204)
  t.ok(commands.length > 0)
  for (const command of commands) {
    const local = command.replaceAll('http://127.0.0.1:3100', store.url)
    t.not(local, command, 'the command speaks to the port of the page')
    // A command that ends itself by --max-time has run to its end with this code.
    const endings = command.includes('--max-time') ? [0, 28] : [0]
    const { code, stdout } = await run('sh', ['-c', local]).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => error,
    )
    t.ok(endings.includes(code), `${command}: code ${code}`)
    t.not(stdout, '{}', 'something is found')
  }
})
