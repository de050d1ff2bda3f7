import { appendFileSync, writeFileSync } from 'node:fs'
import { test } from 'tap'
import { configText, startReceiver, startTestAgent } from '../harness.ts'

test('Lines and files are told of by the system, not found by looking', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  const top = 'global: {file_watch_config: {min_poll_frequency: 1h, max_poll_frequency: 1h}}'
  const config = configText({ directory, url: receiver.url, top })
  await startTestAgent(
    t,
    config.replace('target_config: {sync_period: 200ms}', 'target_config: {sync_period: 1h}'),
  )
  await receiver.until(() => receiver.entries.length === 1)
  const startedMs = performance.now()
  appendFileSync(`${directory}/a.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  writeFileSync(`${directory}/b.log`, '3\n')
  await receiver.until(() => receiver.entries.length === 3)
  const tookMs = performance.now() - startedMs
  t.ok(tookMs < 10_000, `${tookMs.toFixed()} ms, where looking has an hour`)
  t.same(
    receiver.entries.map(({ line }) => line),
    ['1', '2', '3'],
  )
})
