import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
  t.same(watcher.watch(new Set([own, link])), new Set([directory, link]), 'one is not there yet')
  writeFileSync(join(link, 'a'), '')
  await until(join(link, 'a'))
  for (const name of ['first', 'second']) {
    rmSync(own, { recursive: true, force: true })
    mkdirSync(own)
    t.ok(watcher.watch(new Set([own, link])).has(own))
    t.same(watcher.watch(new Set([own, link])), new Set(), 'known')
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

test('DirectoryWatcher says where every change is reported', async t => {
  const directory = t.testdir({})
  const watcher = new DirectoryWatcher({ onChange: () => {}, logger: pino({ level: 'silent' }) })
  t.teardown(() => watcher.close())
  watcher.watch(new Set([directory, '/proc/self/fd']))
  t.equal(watcher.reportsAll(directory), true)
  t.equal(watcher.reportsAll('/proc/self/fd'), false, 'the kernel reports no changes there')
  t.equal(watcher.reportsAll(join(directory, 'other')), false, 'not watched')
})

test('A link that changes on the way to a file is noticed without polling', async t => {
  const directory = t.testdir({ logs: {}, way: {}, files: { '1.txt': '1\n', '2.txt': '2\n' } })
  symlinkSync('../files/1.txt', `${directory}/way/link`)
  symlinkSync('../way/link', `${directory}/logs/a.log`)
  const receiver = await startReceiver(t)
  const top = 'global: {file_watch_config: {min_poll_frequency: 250ms, max_poll_frequency: 1h}}'
  const config = configText({ directory: `${directory}/logs`, url: receiver.url, top })
  const agent = await startTestAgent(t, config.replace('sync_period: 200ms', 'sync_period: 1h'))
  await agent.firstSync
  await receiver.until(() => receiver.entries.length === 1)
  // The next check of the idle file is three seconds away by then.
  await sleep(4_500)
  const switchedMs = performance.now()
  symlinkSync('../files/2.txt', `${directory}/way/next`)
  renameSync(`${directory}/way/next`, `${directory}/way/link`)
  await receiver.until(() => receiver.entries.length === 2)
  const tookMs = performance.now() - switchedMs
  t.ok(tookMs < 1_500, `${tookMs.toFixed()} ms`)
  t.equal(receiver.entries[1]!.line, '2')
})

test('A change that the watch cannot see is found within the usual five seconds', async t => {
  const directory = t.testdir({ logs: {}, elsewhere: { 'b.txt': '1\n' } })
  // The system reports a change under the name by which the writer opened the file.
  linkSync(`${directory}/elsewhere/b.txt`, `${directory}/logs/a.log`)
  const receiver = await startReceiver(t)
  const config = configText({ directory: `${directory}/logs`, url: receiver.url })
  await startTestAgent(t, config)
  await receiver.until(() => receiver.entries.length === 1)
  // A file whose watch is trusted is checked after 16 seconds, and then after 32.
  await sleep(17_000)
  const writtenMs = performance.now()
  appendFileSync(`${directory}/elsewhere/b.txt`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  const tookMs = performance.now() - writtenMs
  t.ok(tookMs < 10_000, `${tookMs.toFixed()} ms`)
})
