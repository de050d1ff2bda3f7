import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'tap'
import { DirectoryWatcher } from '../../src/files/directory-watcher.ts'
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

test('DirectoryWatcher follows a directory that is removed and recreated, and one behind a link', async t => {
  const directory = t.testdir({ real: {} })
  const told: string[] = []
  const logger = pino({ level: 'silent' })
  const watcher = new DirectoryWatcher({ onChange: path => told.push(path), logger })
  t.teardown(() => watcher.close())
  const until = async (path: string) => {
    while (!told.includes(path)) await new Promise(resolve => setTimeout(resolve, 5))
  }
  const own = join(directory, 'own')
  const link = join(directory, 'link')
  symlinkSync(join(directory, 'real'), link)
  t.ok(watcher.watch(new Set([own, link])), 'one is not there yet')
  writeFileSync(join(link, 'a'), '')
  await until(join(link, 'a'))
  for (const name of ['first', 'second']) {
    rmSync(own, { recursive: true, force: true })
    mkdirSync(own)
    t.ok(watcher.watch(new Set([own, link])))
    t.notOk(watcher.watch(new Set([own, link])), 'known')
    writeFileSync(join(own, name), '')
    await until(join(own, name))
  }
  watcher.watch(new Set([link]))
  const before = told.length
  writeFileSync(join(own, 'third'), '')
  writeFileSync(join(link, 'b'), '')
  await until(join(link, 'b'))
  t.notOk(told.slice(before).includes(join(own, 'third')), 'no longer wanted')
})

test('A log is read as soon as its directory exists, however many parents are missing', async t => {
  const directory = t.testdir({})
  const receiver = await startReceiver(t)
  const config = configText({ directory: `${directory}/later/logs`, url: receiver.url })
    .replace('sync_period: 200ms', 'sync_period: 1h')
    .replace(`${directory}/later/logs/positions.yaml`, `${directory}/positions.yaml`)
  const agent = await startTestAgent(t, config)
  await agent.firstSync
  mkdirSync(`${directory}/later/logs`, { recursive: true })
  writeFileSync(`${directory}/later/logs/a.log`, '1\n')
  await receiver.until(() => receiver.entries.length === 1)
  t.pass('it is read where it appears')
  rmSync(`${directory}/later`, { recursive: true })
  mkdirSync(`${directory}/later/logs`, { recursive: true })
  writeFileSync(`${directory}/later/logs/b.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.same(
    receiver.entries.map(({ line }) => line),
    ['1', '2'],
  )
})
