// The agent sends what a Promtail 3.4.6 sent (conformance/agent/README.md).

import { t as root, test } from 'tap'
import { judgeRecorded, runRecorded } from './recorded-cases.ts'
import { skaldCommand } from './skald-process.ts'

root.setTimeout(180_000)

test('recorded runs of Promtail 3.4.6 end the same way', async t => {
  // `.ci/run` judges them before it runs the tests, and they take minutes of CPU.
  if (process.env.SKALD_AGENT_RUNS_JUDGED) {
    t.pass('judged by .ci/run')
    return
  }
  const args = [
    '--agent',
    `'${skaldCommand}' agent -config.file={{CONFIG}} -limit.gap-markers=false`,
  ]
  const results = await runRecorded({ runner: 'agent', args, dir: t.testdir() })
  t.ok(results.length >= 610, `${results.length} runs`)
  judgeRecorded(t, results)
})
