import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { test } from 'tap'
import { configText, startReceiver, startTestAgent } from '../harness.ts'

test('The last line of a file that is done is sent though it has no end', async t => {
  const directory = t.testdir({ 'a.log': 'a\nunfinished' })
  const receiver = await startReceiver(t)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 1)
  renameSync(`${directory}/a.log`, `${directory}/a.1`)
  writeFileSync(`${directory}/a.log`, 'new\n')
  await receiver.until(() => receiver.entries.length === 3)
  appendFileSync(`${directory}/a.log`, 'newer\n')
  await receiver.until(() => receiver.entries.length === 4)
  t.same(receiver.entries.map(({ line }) => line).toSorted(), ['a', 'new', 'newer', 'unfinished'])
})
