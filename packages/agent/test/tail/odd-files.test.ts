// Files written in unusual ways for a log: overwritten in place, or with lines too long for memory.

import { once } from 'node:events'
import { appendFileSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { t as root, test } from 'tap'
import {
  configText,
  lines,
  type Receiver,
  spawnAgent,
  startReceiver,
  startTestAgent,
  text,
  waitFor,
} from '../harness.ts'

root.setTimeout(170_000)

const received = (receiver: Receiver) => receiver.entries.map(({ line }) => line)

/** Overwrites the start of a file, which never becomes shorter. */
function overwrite(path: string, content: string): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, content)
  closeSync(fd)
}

test('Agent notices a file overwritten in place, to its old length or beyond', async t => {
  const head = 'h'.repeat(2_000)
  const header = `${head.slice(0, 1_100)}\n`
  const cases = [
    ['the same length', text([head, ...lines('old', 1, 9)]), text([head, ...lines('new', 1, 9)])],
    ['longer', text([head, ...lines('old', 1, 9)]), text([head, ...lines('new', 1, 50)])],
    ['a single line', `${header}old\n`, `${header}new\n`],
    ['a large file', header + text(lines('old', 1, 9_000)), header + text(lines('new', 1, 9_000))],
  ] as const
  for (const [name, before, after] of cases) {
    const directory = t.testdir({ 'a.log': before })
    const receiver = await startReceiver(t)
    const agent = await startTestAgent(t, configText({ directory, url: receiver.url }))
    const linesOf = (content: string) => content.split('\n').slice(0, -1)
    await receiver.until(() => receiver.entries.length === linesOf(before).length)
    overwrite(`${directory}/a.log`, after)
    const want = [...linesOf(before), ...linesOf(after)]
    await receiver.until(() => receiver.entries.length >= want.length)
    appendFileSync(`${directory}/a.log`, 'appended\n')
    await receiver.until(() => receiver.entries.length > want.length)
    t.strictSame(received(receiver), [...want, 'appended'], name)
    t.match(await agent.metrics.registry.metrics(), /skald_agent_rewritten_files_total 1\n/)
    await agent.stop()
  }
})

test('Agent sends nothing twice of a large file whose last line changes in place', async t => {
  const entries = lines('{"some": "object in a list"},', 1, 500)
  const content = text(['[', ...entries, ']'])
  const directory = t.testdir({ 'a.log': content })
  const receiver = await startReceiver(t)
  await startTestAgent(t, configText({ directory, url: receiver.url }))
  await receiver.until(() => receiver.entries.length === 502)
  const fd = openSync(`${directory}/a.log`, 'r+')
  writeSync(fd, ',\nlast\n]\n', content.length - 2)
  closeSync(fd)
  await receiver.until(() => received(receiver).includes('last'))
  await sleep(600)
  t.strictSame(received(receiver).slice(502), ['last', ']'])
})

const longBytes = 70 * 1024 * 1024

test('Agent sends no rest of an overlong line, even if it was killed while skipping it', async t => {
  const directory = t.testdir({ 'a.log': `first\n${'x'.repeat(longBytes)}` })
  const receiver = await startReceiver(t)
  writeFileSync(`${directory}/agent.yaml`, configText({ directory, url: receiver.url }))
  const child = await spawnAgent(t, `${directory}/agent.yaml`)
  let log = ''
  child.stderr!.on('data', chunk => (log += chunk))
  await receiver.until(() => receiver.entries.length === 1)
  await waitFor(() => log.includes('Line is longer than any may be'))
  await sleep(500)
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  appendFileSync(`${directory}/a.log`, 'rest\nlast\n')
  const next = await spawnAgent(t, `${directory}/agent.yaml`)
  let nextLog = ''
  next.stderr!.on('data', chunk => (nextLog += chunk))
  await receiver.until(() => receiver.entries.length >= 2)
  await waitFor(() => nextLog.includes('Line was skipped'))
  t.match(nextLog, `bytes=${longBytes + 5}`)
  await sleep(500)
  t.strictSame(received(receiver), ['first', 'last'])
})

test('Agent continues after an overlong line, in any encoding and form of the file', async t => {
  // Characters whose bytes look like line feeds, at the border of a character and across it.
  const odd = '\u0a0a\u010a\u0a01'.repeat(longBytes / 6)
  const little = Buffer.from(`first\n${odd}\nlast\n`, 'utf16le')
  const cases = [
    ['encoding: UTF-16LE', little],
    ['encoding: UTF-16BE', Buffer.from(little).swap16()],
    [
      'decompression: {enabled: true, format: gz}',
      gzipSync(`first\n${'x'.repeat(longBytes)}\nlast\n`),
    ],
  ] as const
  for (const [job, content] of cases) {
    const directory = t.testdir({ 'a.log': content })
    const receiver = await startReceiver(t)
    const config = configText({ directory, url: receiver.url, job: `    ${job}\n` })
    const agent = await startTestAgent(t, config)
    await receiver.until(() => receiver.entries.length >= 2)
    await sleep(300)
    t.strictSame(received(receiver), ['first', 'last'], job)
    const dropped = /logentry_dropped_lines_total\{reason="line_too_long"\} 1\n/
    t.match(await agent.metrics.registry.metrics(), dropped)
    await agent.stop()
  }
})
