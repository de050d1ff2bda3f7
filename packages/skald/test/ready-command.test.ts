import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'tap'
import { runReadyCommand } from '../src/ready-command.ts'
import { createTestTerminal } from './terminal-double.ts'

test('skald ready tells by its exit code whether one of the URLs is ready', async t => {
  let status = 200
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/base/ready' ? status : 404
    response.end('body')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`
  const gone = 'http://127.0.0.1:1'
  const run = async (argv: string[], env: Record<string, string> = {}) => {
    const terminal = createTestTerminal(env)
    return { code: await runReadyCommand(argv, terminal), error: terminal.written.err() }
  }
  t.same(await run([url]), { code: 0, error: '' })
  t.same(await run([gone, url]), { code: 0, error: '' })
  t.same(await run([], { SKALD_URL: url }), { code: 0, error: '' })
  status = 503
  t.same(await run([url]), { code: 1, error: `${url.slice(0, -1)} is not ready: 503\n` })
  t.match(await run([gone]), { code: 1, error: /127\.0\.0\.1:1 is not ready: / })
  await t.rejects(run(['store']), { code: 'USAGE', message: 'skald ready takes URLs, not store' })
})
