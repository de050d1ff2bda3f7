import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { pino } from 'pino'
import { test } from 'tap'
import { PlaceWatcher } from '../../src/files/place-watcher.ts'
import { startReceiver, startTestAgent, waitFor } from '../harness.ts'

test('PlaceWatcher reports a directory that appears, is removed and is recreated', async t => {
  const directory = t.testdir({})
  const place = `${directory}/a/b/targets`
  let changes = 0
  const watcher = new PlaceWatcher({
    onChange: () => changes++,
    logger: pino({ level: 'silent' }),
  })
  t.teardown(() => watcher.close())
  const changed = async (change: () => void) => {
    const before = changes
    change()
    await waitFor(() => changes > before)
    // Wait until reports that come together are over.
    let seen = 0
    while (seen !== changes) {
      seen = changes
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    t.pass(`reported: ${change}`)
  }
  await watcher.watch(new Set([place]))
  await changed(() => mkdirSync(place, { recursive: true }))
  await changed(() => writeFileSync(`${place}/a.yml`, '[]'))
  await changed(() => writeFileSync(`${place}/a.yml`, '[1]'))
  await changed(() => rmSync(place, { recursive: true }))
  await changed(() => mkdirSync(place))
  await changed(() => writeFileSync(`${place}/b.yml`, '[]'))
})

test('PlaceWatcher follows a link to its new target when asked to watch again', async t => {
  const directory = t.testdir({ one: {}, two: {} })
  symlinkSync('one', `${directory}/link`)
  let changes = 0
  const watcher = new PlaceWatcher({
    onChange: () => changes++,
    logger: pino({ level: 'silent' }),
  })
  t.teardown(() => watcher.close())
  const places = new Set([`${directory}/link`])
  await watcher.watch(places)
  symlinkSync('two', `${directory}/new`)
  renameSync(`${directory}/new`, `${directory}/link`)
  await watcher.watch(places)
  await waitFor(() => changes > 0)
  const before = changes
  writeFileSync(`${directory}/two/a.yml`, '[]')
  await waitFor(() => changes > before)
  t.pass('a change where the link leads now')
})

test('file_sd_configs reads a file as soon as its directory exists', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(
    t,
    `server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml"}
clients: [{url: "${receiver.url}", batchwait: 20ms}]
scrape_configs:
  - job_name: files
    file_sd_configs: [{files: ["${directory}/later/targets/*.yml"], refresh_interval: 1h}]
`,
  )
  await agent.firstSync
  mkdirSync(`${directory}/later/targets`, { recursive: true })
  writeFileSync(
    `${directory}/later/targets/a.yml`,
    `- {targets: [localhost], labels: {__path__: "${directory}/a.log", job: a}}\n`,
  )
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]!.line, '1')
})
