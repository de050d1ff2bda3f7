import { PassThrough } from 'node:stream'
import { test } from 'tap'
import { runAgentCommand } from '../src/index.ts'

/** Runs the command. Returns the exit code and what it wrote to standard error. */
async function runCommand(...argv: string[]): Promise<string> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runAgentCommand(argv, {
    version: 'test',
    env: {},
    stdout,
    stderr,
    onStopRequest: () => undefined,
  })
  return `${code} ${stderr.read() ?? ''}`
}

test('A directory in place of a configuration is explained', async t => {
  const directory = t.testdir()
  t.match(
    await runCommand(`-config.file=${directory}`, '-check-syntax'),
    /^1 Cannot use the configuration:\n.*: Cannot read .*: it is a directory\n$/,
  )
})

test('Words after the flags are ignored as in Promtail, unless flags are among them', async t => {
  const directory = t.testdir({
    'a.yaml': 'clients: [{url: "http://127.0.0.1:9/p"}]\n',
  })
  const run = (...rest: string[]) =>
    runCommand(`-config.file=${directory}/a.yaml`, '-check-syntax', ...rest)
  t.match(await run('true'), /^0 $/)
  t.match(await run('true', '-dry-run'), /^2 unexpected argument: true: -dry-run after it/)
})
