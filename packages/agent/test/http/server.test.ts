import { writeFileSync } from 'node:fs'
import { test } from 'tap'
import { configText, startReceiver, startTestAgent, waitFor } from '../harness.ts'

test('/ready says no while nothing is read, and yes then or where health is not asked for', async t => {
  const directory = t.testdir({})
  const { url: pushUrl } = await startReceiver(t)
  const config = configText({ directory, url: pushUrl })
  const agent = await startTestAgent(t, config)
  const ask = async (url: string | undefined) => {
    const answer = await fetch(`${url}/ready`)
    return `${answer.status} ${await answer.text()}`
  }
  const notReady =
    'Not ready: Unable to find any logs to tail. Please verify permissions, volumes, scrape_config, etc.'
  t.equal(await ask(agent.url), `500 ${notReady}\n`)
  writeFileSync(`${directory}/a.log`, '1\n')
  await waitFor(() => agent.isReady)
  t.equal(await ask(agent.url), '200 Ready\n')

  const empty = `${directory}/empty`
  const always = configText({ directory: empty, url: pushUrl })
    .replaceAll(`${empty}/positions`, `${directory}/other`)
    .replace('server: {', 'server: {health_check_target: false, ')
  t.equal(await ask((await startTestAgent(t, always)).url), '200 Ready\n')
})

test('All routes are below http_path_prefix, and its root redirects to the targets', async t => {
  const directory = t.testdir({})
  const { url: pushUrl } = await startReceiver(t)
  const config = configText({ directory, url: pushUrl })
  const prefixed = config.replace('server: {', 'server: {http_path_prefix: /agent/, ')
  const { url } = await startTestAgent(t, prefixed)
  const root = await fetch(`${url}/agent/`, { redirect: 'manual' })
  t.equal(root.status, 303)
  t.equal(root.headers.get('location'), '/agent/targets')
  for (const path of ['targets', 'service-discovery', 'config', 'metrics']) {
    t.equal((await fetch(`${url}/agent/${path}`)).status, 200, path)
    t.equal((await fetch(`${url}/${path}`)).status, 404, path)
  }
})
