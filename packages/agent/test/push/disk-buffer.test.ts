// Batches that wait on disk while a server is down.

import { once } from 'node:events'
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import {
  configText,
  fullDisk,
  lines,
  makeRoom,
  noise,
  type Receiver,
  skipFullDisk,
  spawnAgent,
  startReceiver,
  startTestAgent,
  text,
  waitFor,
} from '../harness.ts'

const lineOf = ({ line }: { readonly line: string }) => line

const withWal = (directory: string, url: string, more = '') =>
  configText({ directory, url, top: `wal: {enabled: true, dir: "${directory}/wal"${more}}` })

/** Batches on disk. */
const stored = (directory: string) =>
  readdirSync(`${directory}/wal`, { recursive: true }).filter(name =>
    String(name).endsWith('.batch'),
  )

/** Writes lines while no server accepts them, deletes their file, and kills the agent. */
async function writeAndVanish(t: Test, receiver: Receiver, directory: string): Promise<string> {
  receiver.respond(503)
  const config = `${directory}/agent.yaml`
  writeFileSync(config, withWal(directory, receiver.url))
  const agent = await spawnAgent(t, config)
  for (let i = 0; i < 3; i++) {
    appendFileSync(`${directory}/a.log`, text(lines('n', i * 100 + 1, i * 100 + 100)))
    await waitFor(() => stored(directory).length > i)
  }
  rmSync(`${directory}/a.log`)
  agent.kill('SIGKILL')
  await once(agent, 'exit')
  receiver.respond(204)
  return config
}

test('Disk buffer keeps lines whose file was deleted before the server came back', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const receiver = await startReceiver(t)
  const config = await writeAndVanish(t, receiver, directory)
  await spawnAgent(t, config)
  await receiver.until(() => receiver.entries.length >= 300)
  t.strictSame(receiver.entries.map(lineOf), lines('n', 1, 300), 'in order, and each once')
  await waitFor(() => stored(directory).length === 0)
})

test('Disk buffer sets a damaged batch aside and sends the others', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const receiver = await startReceiver(t)
  const config = await writeAndVanish(t, receiver, directory)
  const [first, second] = stored(directory)
    .map(name => `${directory}/wal/${name}`)
    .sort()
  const bytes = readFileSync(first!)
  bytes[bytes.length - 1]! ^= 0xff
  writeFileSync(first!, bytes)
  writeFileSync(second!, readFileSync(second!).subarray(0, 60))
  writeFileSync(`${first}.new`, 'torn')
  await spawnAgent(t, config)
  await receiver.until(() => receiver.entries.length >= 100)
  await waitFor(() => stored(directory).length === 0)
  t.strictSame(receiver.entries.map(lineOf), lines('n', 201, 300))
  t.equal(
    readdirSync(`${directory}/wal`, { recursive: true }).filter(name =>
      String(name).endsWith('.damaged'),
    ).length,
    2,
  )
})

test('A full disk buffer pauses reading and loses nothing', async t => {
  const all = noise(15_000)
  const directory = t.testdir({ 'a.log': text(all) })
  const receiver = await startReceiver(t)
  receiver.respond(503)
  const agent = await startTestAgent(t, withWal(directory, receiver.url, ', max_size: 4MB'))
  await waitFor(async () => {
    const before = agent.files()[0]?.readOffset ?? 0
    await sleep(300)
    return before > 8_000_000 && agent.files()[0]?.readOffset === before
  })
  t.ok(agent.files()[0]!.readOffset < 26_000_000, 'reading waits')
  const metrics = await agent.metrics.registry.metrics()
  const bytes = Number(/skald_agent_wal_bytes\{[^}]*\} (\d+)/.exec(metrics)?.[1])
  t.ok(bytes > 2_000_000 && bytes <= 4_000_000, `${bytes} bytes on disk`)
  receiver.respond(204)
  await receiver.until(() => receiver.entries.length >= all.length)
  t.strictSame(receiver.entries.map(lineOf), all)
})

test('Disk buffer keeps in memory what does not fit on a full disk', {
  skip: skipFullDisk,
}, async t => {
  const directory = t.testdir({ 'a.log': '' })
  const receiver = await startReceiver(t)
  receiver.respond(503)
  const config = `${directory}/agent.yaml`
  writeFileSync(config, withWal(directory, receiver.url))
  const agent = await spawnAgent(t, config, { wrap: fullDisk })
  let logged = ''
  agent.stderr!.on('data', chunk => {
    logged += chunk
  })
  const all = noise(30)
  appendFileSync(`${directory}/a.log`, text(all))
  await waitFor(() => logged.includes('Cannot write batch to disk'))
  t.same(stored(directory), [])
  const files = readdirSync(`${directory}/wal`, { recursive: true, withFileTypes: true })
  t.same(
    files.filter(entry => entry.isFile()),
    [],
    'half a batch does not take room',
  )
  makeRoom(agent)
  await waitFor(() => stored(directory).length === 1)
  receiver.respond(204)
  await receiver.until(() => receiver.entries.length >= all.length)
  t.strictSame(receiver.entries.map(lineOf), all)
})

test('Disk buffer stores what a stop leaves, and nothing while the server is up', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 10)) })
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, withWal(directory, receiver.url))
  await receiver.until(() => receiver.entries.length === 10)
  t.equal(stored(directory).length, 0)
  receiver.answer(() => undefined)
  appendFileSync(`${directory}/a.log`, 'last\n')
  await waitFor(() => receiver.refusals > 0)
  await agent.stop()
  t.equal(stored(directory).length, 1)
})
