// Markers for lines that an agent could not deliver, in the streams that lack them.

import { once } from 'node:events'
import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import {
  configText,
  lines,
  noise,
  type ReceivedEntry,
  type Receiver,
  spawnAgent,
  startReceiver,
  startTestAgent,
  text,
  waitFor,
} from '../harness.ts'

// For the whole file.
root.setTimeout(170_000)

const isMarker = ({ line }: ReceivedEntry) => line.startsWith('skald gap: ')
const markersOf = ({ entries }: Receiver) => entries.filter(isMarker)

test('A file that is truncated before it is read leaves a marker in its stream', async t => {
  const directory = t.testdir({ 'a.log': '' })
  const path = `${directory}/a.log`
  const receiver = await startReceiver(t)
  receiver.respond(503)
  // More than the agent keeps in memory.
  appendFileSync(path, text(noise(12_000)))
  const config = configText({ directory, url: receiver.url, marksGaps: true })
  const agent = await startTestAgent(t, config)
  const readOffset = () => agent.files()[0]?.readOffset ?? 0
  await waitFor(async () => {
    const before = readOffset()
    await sleep(300)
    return before > 1_000_000 && readOffset() === before
  })
  truncateSync(path)
  receiver.respond(204)
  await receiver.until(() => markersOf(receiver).length === 1)
  const [marker] = markersOf(receiver)
  const metrics = await agent.metrics.registry.metrics()
  const lost = Number(/^skald_agent_lost_bytes_total (\d+)$/m.exec(metrics)![1])
  t.ok(lost > 0)
  t.equal(
    marker!.line,
    `skald gap: ${lost.toLocaleString('en-US')} bytes of ${path} were overwritten before they were read`,
  )
  t.same(marker!.metadata, {
    ...{ skald_gap: 'truncated', skald_gap_bytes: String(lost), skald_gap_file: path },
  })
  t.equal(marker!.labels, receiver.entries.find(entry => !isMarker(entry))!.labels)
  t.match(metrics, /skald_agent_gap_markers_total\{kind="truncated"\} 1\n/)
})

test('A file that is deleted while the agent is down leaves one marker, however often it is killed', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 100)) })
  const receiver = await startReceiver(t)
  receiver.respond(503)
  const config = `${directory}/agent.yaml`
  writeFileSync(config, configText({ directory, url: receiver.url, marksGaps: true }))
  const first = await spawnAgent(t, config)
  await receiver.until(() => receiver.refusals > 3)
  appendFileSync(`${directory}/a.log`, 'and one more\n')
  await sleep(800)
  first.kill('SIGKILL')
  await once(first, 'exit')
  rmSync(`${directory}/a.log`)
  // Two that are killed while the server is still down: before and after the marker is first sent.
  for (const waitMs of [500, 2_500]) {
    const agent = await spawnAgent(t, config)
    await sleep(waitMs)
    agent.kill('SIGKILL')
    await once(agent, 'exit')
  }
  // Accepted, but killed before it could know.
  receiver.answer(({ response }) => {
    response.destroy()
    return 204
  })
  const third = await spawnAgent(t, config)
  await receiver.until(() => markersOf(receiver).length > 1)
  third.kill('SIGKILL')
  await once(third, 'exit')
  receiver.answer(undefined)
  receiver.respond(204)
  const last = await spawnAgent(t, config)
  await sleep(3_000)
  last.kill('SIGTERM')
  await once(last, 'exit')
  // A server keeps equal entries once.
  const distinct = new Set(
    markersOf(receiver).map(({ timestampNs, line, labels }) => `${timestampNs} ${line} ${labels}`),
  )
  t.equal(distinct.size, 1)
  t.match([...distinct][0], /skald gap: 505 bytes of .*a\.log were deleted before they were read/)
  const count = markersOf(receiver).length
  await spawnAgent(t, config)
  await sleep(2_000)
  t.equal(markersOf(receiver).length, count, 'once accepted, it is sent no more')
})

test('Refused lines leave a marker with the reason', async t => {
  const directory = t.testdir({ 'a.log': text([...lines('good', 1, 20), 'bad 1', 'bad 2']) })
  const receiver = await startReceiver(t)
  receiver.answer(({ entries }) => (entries.some(({ line }) => line.startsWith('bad')) ? 400 : 204))
  await startTestAgent(t, configText({ directory, url: receiver.url, marksGaps: true }))
  await receiver.until(() => markersOf(receiver).length === 1)
  const [marker] = markersOf(receiver)
  t.equal(marker!.line, 'skald gap: 2 lines (10 bytes) were refused by the server: told so')
  t.same(marker!.metadata, {
    ...{ skald_gap: 'refused', skald_gap_bytes: '10', skald_gap_lines: '2' },
  })
})

test('A server that accepts no structured metadata gets the text of a marker', async t => {
  const directory = t.testdir({ 'a.log': text([...lines('good', 1, 20), 'bad 1']) })
  const receiver = await startReceiver(t)
  receiver.answer(({ entries }) =>
    entries.some(({ line, metadata }) => line === 'bad 1' || metadata.skald_gap !== undefined)
      ? 400
      : 204,
  )
  await startTestAgent(t, configText({ directory, url: receiver.url, marksGaps: true }))
  await receiver.until(() => markersOf(receiver).length === 1)
  t.same(
    markersOf(receiver).map(({ line, metadata }) => [line, metadata]),
    [['skald gap: 1 line (5 bytes) was refused by the server', {}]],
  )
})

test('A server that refuses everything gets few markers', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 50)) })
  const receiver = await startReceiver(t)
  let markers = 0
  receiver.answer(({ entries }) => {
    markers += entries.filter(isMarker).length
    return 422
  })
  await startTestAgent(t, configText({ directory, url: receiver.url, marksGaps: true }))
  await waitFor(() => markers >= 2)
  await sleep(3_000)
  t.equal(markers, 2, 'one with metadata and one without')
})

test('Lines above the limits of the agent leave markers', async t => {
  const directory = t.testdir({
    'a.log': text(['app1 x', `app1 ${'long '.repeat(10)}`, 'app2 x', 'app2 y', 'app1 z']),
  })
  const receiver = await startReceiver(t)
  const top = 'limits_config: {max_line_size: 20, max_streams: 1}'
  const job = `    pipeline_stages: [{regex: {expression: '^(?P<app>\\w+)'}}, {labels: {app: }}]`
  await startTestAgent(t, configText({ directory, url: receiver.url, top, job }))
  await receiver.until(() => markersOf(receiver).length === 2)
  const file = `filename="${directory}/a.log"`
  t.same(
    markersOf(receiver)
      .map(({ labels, line }) => [labels, line])
      .sort(),
    [
      [
        `{app="app1", ${file}, job="test"}`,
        "skald gap: 1 line (55 bytes) was longer than the agent's limit",
      ],
      [
        // The first stream that was too much, since there is no other.
        `{app="app2", ${file}, job="test"}`,
        'skald gap: 2 lines (12 bytes) were dropped: more streams than max_streams allows',
      ],
    ],
  )
})

test('Stages that drop lines leave no marker, and a key turns markers off', async t => {
  const directory = t.testdir({ 'a.log': text(['keep 1', 'drop 2', 'bad 3']) })
  const receiver = await startReceiver(t)
  receiver.answer(({ entries }) => (entries.some(({ line }) => line === 'bad 3') ? 400 : 204))
  const job = '    pipeline_stages: [{drop: {expression: "^drop"}}]'
  const agent = await startTestAgent(t, configText({ directory, url: receiver.url, job }))
  await receiver.until(() => receiver.entries.length === 1)
  await sleep(2_000)
  t.same(markersOf(receiver), [], 'off')
  await agent.stop()
  const dropped = t.testdir({ 'a.log': text(['keep 1', 'drop 2']) })
  const other = await startReceiver(t)
  await startTestAgent(t, configText({ directory: dropped, url: other.url, job, marksGaps: true }))
  await other.until(() => other.entries.length === 1)
  await sleep(2_000)
  t.same(markersOf(other), [], 'dropped on purpose')
})
