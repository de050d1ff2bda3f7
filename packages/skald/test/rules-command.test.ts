import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { runCheckCommand } from '../src/check-command.ts'
import { runRulesCommand } from '../src/rules-command.ts'
import { createTestTerminal } from './terminal-double.ts'

const rules = `groups:
  - name: web
    rules:
      - alert: Errors
        expr: sum by (app) (count_over_time({app="web"} |= "error" [5m])) > 3
        for: 2m
        labels: {severity: page}
        annotations: {summary: '{{ $value }} errors of {{ $labels.app }}'}
      - record: app:lines:count5m
        expr: sum by (app) (count_over_time({app="web"}[5m]))
`
const tests = (value: number) => `rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - name: errors page
    input_lines:
      - stream: '{app="web"}'
        lines:
          - {line: an error, at: 1s, times: 10, every: 30s}
          - {line: all is well, times: 3}
    alert_rule_test:
      - {eval_time: 2m, alertname: Errors}
      - eval_time: 5m
        alertname: Errors
        exp_alerts:
          - exp_labels: {app: web, severity: page}
            exp_annotations: {summary: '10 errors of web'}
      - {eval_time: 12m, alertname: Errors}
    record_rule_test:
      - eval_time: 5m
        record: app:lines:count5m
        exp_samples: [{labels: '{app="web"}', value: ${value}}]
    logql_expr_test:
      - expr: count_over_time({app="web"} |= "well" [1h])
        eval_time: 10m
        exp_samples: [{labels: '{app="web"}', value: 3}]
`

async function run(
  command: typeof runRulesCommand,
  argv: readonly string[],
): Promise<{ code: number; output: string }> {
  const terminal = createTestTerminal()
  const output = () => terminal.written.out() + terminal.written.err()
  try {
    return { code: await command(argv, terminal), output: output() }
  } catch (error) {
    return { code: -1, output: (error as Error).message }
  }
}

test('skald rules test runs unit tests of rules', async t => {
  const dir = t.testdir({ 'rules.yaml': rules, 'good.yaml': tests(12), 'bad.yaml': tests(99) })
  const good = await run(runRulesCommand, ['test', join(dir, 'good.yaml')])
  t.same(good, { code: 0, output: `${join(dir, 'good.yaml')}: SUCCESS\n` })
  const bad = await run(runRulesCommand, ['test', join(dir, 'bad.yaml')])
  t.equal(bad.code, 1)
  t.match(
    bad.output,
    /bad\.yaml: FAILED\n {2}errors page: app:lines:count5m, time: 5m\n {6}expected: \n {8}\{app="web"\} 99\n {6}got: \n {8}\{app="web"\} 12/,
  )
})

test('mistakes in tests have their place', async t => {
  const dir = t.testdir({
    'a.yaml': 'rule_files: []\ntests:\n  - input_lines:\n      - lines: [{at: x, line: y}]\n',
  })
  const { output } = await run(runRulesCommand, ['test', join(dir, 'a.yaml')])
  t.match(output, /a\.yaml:4:18: not a valid duration/)
  t.match(output, /a\.yaml:4:9: .*needs stream/)
})

test('skald check checks files of rules, by their keys, by pattern and from a configuration', async t => {
  const dir = t.testdir({})
  mkdirSync(join(dir, 'rules', 'fake'), { recursive: true })
  const [good, bad] = ['good.yaml', 'bad.yaml'].map(name => join(dir, 'rules', 'fake', name))
  writeFileSync(good!, rules)
  t.match(await run(runCheckCommand, [good!]), {
    code: 0,
    output: `${good}: valid file of rules: 2 in 1 group\n`,
  })
  writeFileSync(bad!, rules.replace('> 3', '> (').replace('{{ $value }}', '{{ nothing }}'))
  const found = await run(runCheckCommand, ['--rules', join(dir, 'rules/*/*.yaml')])
  t.equal(found.code, 1)
  t.match(found.output, `${good}: valid file of rules`)
  t.match(found.output, new RegExp(`${bad}:5:15: could not parse expression for alert 'Errors'`))
  t.match(found.output, new RegExp(`${bad}:8:23: annotation "summary": .*"nothing" not defined`))
  const config = join(dir, 'store.yaml')
  writeFileSync(
    config,
    `ruler: {storage: {type: local, local: {directory: ${join(dir, 'rules')}}}}\n`,
  )
  const checked = await run(runCheckCommand, [config])
  t.equal(checked.code, 1)
  t.match(checked.output, `${bad}:5:15: could not parse expression`)
  t.match(await run(runCheckCommand, ['--rules', join(dir, 'none/*')]), {
    code: -1,
    output: /no file matches/,
  })
})
