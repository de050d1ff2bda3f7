// The commands that ask a store, on one store that is started here.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadStoreConfig, startStore } from '@skald/store'
import { pino } from 'pino'
import { type Test, test } from 'tap'
import { runExportCommand } from '../../src/asking/export-command.ts'
import { runLabelsCommand, runSeriesCommand } from '../../src/asking/label-commands.ts'
import { runMeasure } from '../../src/asking/measure-commands.ts'
import { runQueryCommand } from '../../src/asking/query-command.ts'
import { createTestTerminal } from '../terminal-double.ts'

const lineCount = 1200
const startMs = Date.parse('2026-01-02T03:00:00Z')
const range = ['--from', '2026-01-02T03:00:00Z', '--to', '2026-01-02T04:00:00Z']

async function startFilled(t: Test) {
  const text = `server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
auth_enabled: false
common: {path_prefix: ${JSON.stringify(join(t.testdir(), 'data'))}}
limits_config: {discover_service_name: [], reject_old_samples: false}
`
  const store = await startStore({
    ...{
      loaded: loadStoreConfig(text, 'test'),
      logger: pino({ level: 'silent' }),
      version: 'test',
    },
  })
  t.teardown(() => store.stop())
  // Twenty lines share each nanosecond.
  const values = Array.from({ length: lineCount }, (_, i) => [
    `${startMs + Math.floor(i / 20) * 1000}000000`,
    `level=info msg="user ${i} came in"`,
  ])
  const streams = [
    { stream: { app: 'web', pod: 'a' }, values },
    { stream: { app: 'db', pod: 'b' }, values: [[`${startMs + 500}000000`, 'says "hi", twice']] },
  ]
  const response = await fetch(`${store.url}/loki/api/v1/push`, {
    ...{ method: 'POST', headers: { 'Content-Type': 'application/json' } },
    body: JSON.stringify({ streams }),
  })
  t.equal(response.status, 204, await response.text())
  return store
}

test('the commands that ask a store', async t => {
  const { url } = await startFilled(t)
  type Run = (
    argv: readonly string[],
    terminal: ReturnType<typeof createTestTerminal>,
  ) => Promise<number>
  const runWith = async (run: Run, argv: readonly string[], wanted = 0) => {
    // logcli's name, which people have set.
    const terminal = createTestTerminal({ LOKI_ADDR: url })
    t.equal(await run([...argv, ...range], terminal), wanted, argv.join(' '))
    return terminal.written.out()
  }
  const query = (...argv: string[]) => runWith(runQueryCommand, argv)
  const measure = (name: string, ...argv: string[]) =>
    runWith((given, terminal) => runMeasure(name, given, terminal), argv)
  const numbers = (text: string) => [...text.matchAll(/user (\d+)/g)].map(([, n]) => Number(n))
  const all = Array.from({ length: lineCount }, (_, i) => i)

  await t.test(
    'query prints any number of lines, from either end, as people and programs want',
    async t => {
      t.same(numbers(await query('{app="web"}', '--limit=3')), all.slice(-3))
      t.same(numbers(await query('{app="web"}', '--limit=3', '--forward')), all.slice(0, 3))
      const paged = numbers(await query('{app="web"}', '--limit=0', '--batch=50', '-o', 'raw'))
      t.equal(paged.join(), all.join(), 'all, page by page')
      const last = numbers(await query('{app="web"}', '--limit=130', '--batch=50'))
      t.equal(last.join(), all.slice(-130).join(), 'newest last, also of several pages')
      t.equal(
        await query('{app="db"}', '-o', 'csv', '--include-label=app'),
        'timestamp,labels,line\n2026-01-02T03:00:00.5Z,"{app=""db""}","says ""hi"", twice"\n',
      )
      t.equal(
        await query('{app="db"}', '-o', 'logfmt', '--exclude-label=detected_level,pod'),
        'ts=2026-01-02T03:00:00.5Z app=db line="says \\"hi\\", twice"\n',
      )
      t.equal(await query('{app="db"}', '--no-labels'), '2026-01-02T03:00:00.5Z says "hi", twice\n')
    },
  )

  await t.test('query prints samples as a list, a table and a plot', async t => {
    const sum = 'sum by (app) (count_over_time({app=~".+"}[1h]))'
    t.equal(
      await query(sum, '--instant', '-o', 'table'),
      'time                      {app="db"}  {app="web"}\n2026-01-02T04:00:00.000Z           1         1180\n',
    )
    const plot = await query('sum(count_over_time({app="web"}[1m]))', '--step=1m', '-o', 'plot')
    t.match(plot, /^\{\}\n1180 │.*█/)
    t.equal(plot.split('\n').length, 11, 'labels, eight rows, times')
    await t.rejects(query('{app="web"}', '-o', 'plot'), {
      code: 'USAGE',
      message: /--output=plot is for metric queries/,
    })
  })

  await t.test('labels, series, stats, volume, patterns, fields, explain', async t => {
    t.equal(await runWith(runLabelsCommand, ['app']), 'db\nweb\n')
    t.equal(await runWith(runSeriesCommand, []), '{app="db", pod="b"}\n{app="web", pod="a"}\n')
    t.match(await runWith(runSeriesCommand, ['{app="web"}', '--analyze']), /^Total Streams: {2}1\n/)
    t.match(
      await measure('stats', '{app="web"}'),
      /^streams +1\nblocks +1\nlines +1,200\nbytes +\d/,
    )
    t.match(
      await measure('volume', '{app=~".+"}', '--by=app'),
      /^ *bytes {2}labels\n.*\{app="web"\}\n.*\d+B {2}\{app="db"\}\n$/,
    )
    t.match(
      await measure('patterns', '{app="web"}'),
      /lines {2}level {2}pattern\n1,200 {2}info {3}level=info msg="user <_> came in"\n/,
    )
    t.match(await measure('fields', '{app="web"} | logfmt'), /^msg +string +\d+ {2}logfmt$/m)
    t.match(await measure('fields', '{app="web"}', 'level', '--limit=2'), /^info\n/)
    const explained = await measure('explain', '{app="web"}|="user 7 "')
    t.match(explained, /^\{app="web"\} \|= "user 7 "\n\ntime .*\n(?:.*\n)*? {2}scanned /)
  })

  await t.test('export copies all lines, and continues a file that was cut off', async t => {
    const file = join(t.testdir(), 'out.jsonl')
    const exported = (...more: string[]) =>
      runWith(runExportCommand, ['{app="web"}', '--file', file, ...more])
    await exported()
    const whole = readFileSync(file, 'utf8')
    t.equal(numbers(whole).join(), all.join())
    for (const bytes of [whole.length, 70_007, 500, 20, 0]) {
      truncateSync(file, bytes)
      await exported('--resume')
      t.ok(readFileSync(file, 'utf8') === whole, `continued after ${bytes} bytes`)
    }
    t.equal(
      numbers(await runWith(runExportCommand, ['{app="web"}', '--backward', '--limit=2'])).join(),
      '1199,1198',
    )
    const push = await runWith(runExportCommand, ['{app="db"}', '--format=push'])
    t.match(JSON.parse(push), { streams: [{ stream: { app: 'db', pod: 'b' } }] })
    const refused = async (argv: readonly string[], message: RegExp, code = 'USAGE') => {
      const terminal = createTestTerminal({ SKALD_URL: url })
      await t.rejects(runExportCommand(argv, terminal), { code, message })
    }
    await refused(['{app="web"}', '--resume'], /--resume goes with --file/)
    await refused(['{app="web"}', '--column=app'], /--column goes with --format=csv/)
    await refused(['{app="web"}', '--format=xml'], /Allowed choices are jsonl, raw, csv, push/)
    await refused(['{app="web"'], /answered 400: parse error/, 'ASK')
    writeFileSync(file, 'something else\n')
    await refused(['{app="web"}', '--resume', '--file', file], /is not an export of JSON lines/)
  })

  await t.test('wrong command lines are refused in one sentence', async t => {
    const terminal = createTestTerminal({ SKALD_URL: url })
    const refused = (argv: readonly string[], message: RegExp) =>
      t.rejects(runQueryCommand(argv, terminal), { code: 'USAGE', message }, argv.join(' '))
    await refused([], /^missing required argument 'LOGQL'$/)
    await refused(['{a="b"}', 'c'], /^too many arguments/)
    await refused(['{a="b"}', '--limit=x'], /'x' is invalid. it takes a whole number/)
    await refused(['{a="b"}', '--from=soon'], /^--from does not understand "soon"\. Write 2026/)
    await refused(['{a="b"}', '--from=now', '--to=1h'], /^the range is empty/)
    await refused(['{a="b"}', '--from=1h', '--since=1h'], /both say where to begin/)
    await refused(['{a="b"}', '--ca=/no/such.pem'], /^--ca cannot use \/no\/such\.pem: ENOENT/)
    await refused(['{a="b"}', '--limit=9000', '--stats'], /--stats is about one request/)
    await refused(['{a="b"}', '--nonsense'], /^unknown option '--nonsense'/)
  })
})
