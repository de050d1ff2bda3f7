import { FlagError, parseGoFlags } from '@skald/go-dialect'
import { test } from 'tap'
import { makeCertificates } from '../../../../test/certificates.ts'
import { agentFlags, loadAgentConfig } from '../../src/index.ts'

test('agentFlags reads flags like Go', async t => {
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

test('agentFlags has every Promtail flag that has no effect here, and numbers of either kind', async t => {
  const argv = [
    ...[
      '-server.grpc.keepalive.time=2h',
      '-server.grpc-tls-cert-path=',
      '-tracing.profiling-enabled',
    ],
    ...['-server.log-source-ips-regex=x', '-limit.readline-rate=.5', '-client.max-retries=0x10'],
  ]
  t.doesNotThrow(() => parseGoFlags(argv, agentFlags))
  const refused = ['-client.max-retries=1.5', '-limit.readline-burst=1e3', '-max-streams=x']
  for (const flag of refused) t.throws(() => parseGoFlags([flag], agentFlags), FlagError, flag)
})

test('-client.external-labels is one pair, or several as in CSV', async t => {
  const labelsOf = async (value: string) => {
    const flags = { 'client.url': 'http://h/p', 'client.external-labels': value }
    const { clients } = await loadAgentConfig({ text: '', path: 'a.yaml', flags })
    return Object.fromEntries(clients[0]!.externalLabels)
  }
  t.strictSame(await labelsOf('a=b'), { a: 'b' })
  t.strictSame(await labelsOf('a=b,c'), { a: 'b,c' })
  t.strictSame(await labelsOf('"a=b"'), { a: 'b' })
  t.strictSame(await labelsOf('a=b,c=d=e'), { a: 'b', c: 'd=e' })
  t.strictSame(await labelsOf('"a=b,x",c="d'), { a: 'b,x', c: '"d' })
  t.strictSame(await labelsOf('a=,c='), { a: '', c: '' })
  for (const value of ['', 'a', 'a=b, c=d', 'a-b=c', 'a=b,c=d,e']) {
    await t.rejects(labelsOf(value), { code: 'CONFIG' }, value)
  }
})

test('Flags give the HTTP server its certificate', async t => {
  const directory = t.testdir({})
  makeCertificates(directory)
  const load = (cert: string) =>
    loadAgentConfig({
      text: '',
      path: 'a.yaml',
      flags: {
        'client.url': 'http://h/p',
        'server.http-tls-cert-path': cert,
        'server.http-tls-key-path': `${directory}/server.key`,
        'server.tls-min-version': 'VersionTLS13',
      },
    })
  t.match((await load(`${directory}/server.crt`)).server.tls, {
    cert: { file: `${directory}/server.crt` },
    minVersion: 'TLSv1.3',
  })
  await t.rejects(load('/none'), { message: /-server\.http-tls-\*: .*ENOENT/ })
})

test('agentFlags refuses unknown flags', async t => {
  const f = (argv: string[], message: RegExp) =>
    t.throws(() => parseGoFlags(argv, agentFlags), { message })
  f(['-no-such-flag=1'], /flag provided but not defined: -no-such-flag/)
  f(['-config.file'], /flag needs an argument/)
  f(['-client.timeout=soon'], /invalid value "soon" for flag -client.timeout/)
  f(['-server.disable=maybe'], /must be true or false/)
  t.throws(() => parseGoFlags(['-x'], agentFlags), FlagError)
})
