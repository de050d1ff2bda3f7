import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { configText, spawnAgent, waitFor } from './harness.ts'

/** Runs an agent with these keys of the server block and flags; returns the last line that it logs. */
async function lastLine(t: Test, keys: string, ...args: string[]): Promise<string> {
  const directory = t.testdir({ 'a.log': '1\n' })
  const path = `${directory}/agent.yaml`
  const config = configText({ directory, url: 'http://127.0.0.1:1/' })
  writeFileSync(path, config.replace('server: {', `server: {${keys}log_level: info, `))
  const agent = await spawnAgent(t, path, { args })
  let logged = ''
  agent.stderr!.on('data', chunk => {
    logged += chunk
  })
  const exit = once(agent, 'exit')
  agent.kill('SIGTERM')
  await waitFor(() => logged.includes('Agent stops'))
  // It still writes its positions, into a directory that the next call makes again.
  await exit
  return logged.split('\n').find(line => line.includes('Agent stops')) ?? ''
}

const logfmt = /^level=info ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z msg="Agent stops"$/

test('The agent’s own log is logfmt, or JSON where key or flag say so', async t => {
  t.match(await lastLine(t, ''), logfmt)
  const { ts, ...fields } = JSON.parse(await lastLine(t, 'log_format: json, '))
  t.same(fields, { level: 'info', msg: 'Agent stops' })
  t.match(ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
  t.match(await lastLine(t, 'log_format: json, ', '-log.format=logfmt'), logfmt)
})
