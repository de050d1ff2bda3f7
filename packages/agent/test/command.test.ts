import { PassThrough } from 'node:stream'
import { test } from 'tap'
import { runAgentCommand } from '../src/index.ts'

test('Words after the flags are ignored as in Promtail, unless flags are among them', async t => {
  const directory = t.testdir({
    'a.yaml': 'clients: [{url: "http://127.0.0.1:9/p"}]\n',
  })
  const run = async (...rest: string[]) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const argv = [`-config.file=${directory}/a.yaml`, '-check-syntax', ...rest]
    const code = await runAgentCommand(argv, {
      version: 'test',
      env: {},
      stdout,
      stderr,
      onStopRequest: () => undefined,
    })
    return `${code} ${stderr.read() ?? ''}`
  }
  t.match(await run('true'), /^0 $/)
  t.match(await run('true', '-dry-run'), /^2 unexpected argument: true: -dry-run after it/)
})
