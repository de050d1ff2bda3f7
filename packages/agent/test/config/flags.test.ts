import { FlagError, parseGoFlags } from '@skald/wire'
import { test } from 'tap'
import { agentFlags } from '../../src/index.ts'

test('agentFlags reads flags as Go does', async t => {
  const argv = [
    ...['-config.file=a.yaml', '--config.expand-env', '-client.batch-wait', '5s', '-version=f'],
    ...['rest', '-x'],
  ]
  const parsed = parseGoFlags(argv, agentFlags)
  t.strictSame(parsed.flags, {
    'config.file': 'a.yaml',
    'config.expand-env': 'true',
    'client.batch-wait': '5s',
    version: 'false',
  })
  t.strictSame(parsed.rest, ['rest', '-x'])
})

test('agentFlags refuses what it does not know', async t => {
  const f = (argv: string[], message: RegExp) =>
    t.throws(() => parseGoFlags(argv, agentFlags), { message })
  f(['-no-such-flag=1'], /flag provided but not defined: -no-such-flag/)
  f(['-config.file'], /flag needs an argument/)
  f(['-client.timeout=soon'], /invalid value "soon" for flag -client.timeout/)
  f(['-server.disable=maybe'], /must be true or false/)
  t.throws(() => parseGoFlags(['-x'], agentFlags), FlagError)
})
