import { writeFileSync } from 'node:fs'
import { test } from 'tap'
import { configText, spawnAgent, waitFor } from './harness.ts'

test('The agent’s own log is JSON, a line for each event, whatever log_format says', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const path = `${directory}/agent.yaml`
  const config = configText({ directory, url: 'http://127.0.0.1:1/' })
  writeFileSync(path, config.replace('server: {', 'server: {log_format: logfmt, log_level: info, '))
  const agent = await spawnAgent(t, path)
  let logged = ''
  agent.stderr!.on('data', chunk => {
    logged += chunk
  })
  agent.kill('SIGTERM')
  await waitFor(() => logged.includes('Agent stops'))
  const [first = '{}'] = logged.split('\n').filter(line => line.includes('Agent stops'))
  const { level, time, msg } = JSON.parse(first)
  t.same({ level, msg }, { level: 'info', msg: 'Agent stops' })
  t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
})
