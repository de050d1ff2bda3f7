import { appendFileSync } from 'node:fs'
import { test } from 'tap'
import { configText, startReceiver, startTestAgent, waitFor } from '../harness.ts'

const job = `    relabel_configs:
      - {target_label: team, replacement: shop}
      - {source_labels: [team], target_label: __team}
      - {source_labels: [filename], regex: '.*/(\\w+)\\.log', target_label: service}
      - {source_labels: [filename], regex: '.*skip.*', action: drop}
      - {source_labels: [__team, service], separator: '-', target_label: unit}
`

test('relabel_configs see the name of each file, and may drop a file by it', async t => {
  const directory = t.testdir({ 'web.log': 'web\n', 'api.log': 'api\n', 'skip.log': 'none\n' })
  const receiver = await startReceiver(t)
  const config = configText({ directory, url: receiver.url, job })
  const agent = await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 2)
  const labels = Object.fromEntries(receiver.entries.map(entry => [entry.line, entry.labels]))
  for (const name of ['web', 'api']) {
    t.match(labels[name], `service="${name}"`)
    t.match(labels[name], `team="shop"`)
    t.match(labels[name], `unit="shop-${name}"`)
    t.match(labels[name], `filename="${directory}/${name}.log"`)
    t.notMatch(labels[name], '__')
  }
  appendFileSync(`${directory}/skip.log`, 'none\n')
  appendFileSync(`${directory}/web.log`, 'more\n')
  await receiver.until(() => receiver.entries.length === 3)
  t.same(
    agent
      .files()
      .map(({ path }) => path)
      .sort(),
    [`${directory}/api.log`, `${directory}/web.log`],
  )
})

test('A rule that keeps files by name keeps the target', async t => {
  const directory = t.testdir({ 'web.log': 'web\n', 'api.log': 'api\n' })
  const receiver = await startReceiver(t)
  const keep = `    relabel_configs:
      - {source_labels: [filename], regex: '.*/api\\.log', action: keep}
`
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job: keep }))
  await waitFor(() => receiver.entries.length > 0)
  t.same(
    receiver.entries.map(({ line }) => line),
    ['api'],
  )
  t.equal(agent.files().length, 1)
})
