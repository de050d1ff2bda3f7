import { appendFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'tap'
import { parseTargetFile } from '../../src/discovery/file-sd.ts'
import { ConfigError, loadAgentConfig } from '../../src/index.ts'
import { startReceiver, startTestAgent, waitFor } from '../harness.ts'

/** Returns a configuration with targets in `targets/*.json` and `targets/*.yml`. */
function configOf(directory: string, url: string, job = ''): string {
  return `server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${directory}/positions.yaml", sync_period: 100ms}
clients: [{url: "${url}", batchwait: 20ms}]
target_config: {sync_period: 200ms}
scrape_configs:
  - job_name: files
    file_sd_configs:
      - files: ["${directory}/targets/*.json", "${directory}/targets/*.yml"]
        refresh_interval: 1h
${job}`
}

const jsonTargets = (directory: string, name: string, team: string) =>
  JSON.stringify([
    { targets: ['localhost'], labels: { __path__: `${directory}/${name}.log`, team } },
  ])

test('file_sd_configs finds targets in JSON and YAML, and follows changes', async t => {
  const directory = t.testdir({ 'a.log': 'a 1\n', 'b.log': 'b 1\n', targets: {} })
  writeFileSync(`${directory}/targets/a.json`, jsonTargets(directory, 'a', 'red'))
  const receiver = await startReceiver(t)
  const job = `    relabel_configs:
      - {source_labels: [__meta_filepath], regex: '.*/(.*)', target_label: from}
`
  await startTestAgent(t, configOf(directory, receiver.url, job))
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(receiver.entries[0]!.labels, `{filename="${directory}/a.log", from="a.json", team="red"}`)

  const yaml = `- targets: [localhost]\n  labels: {__path__: "${directory}/b.log", team: blue}\n`
  writeFileSync(`${directory}/targets/b.yml`, yaml)
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(receiver.entries[1]!.labels, `{filename="${directory}/b.log", from="b.yml", team="blue"}`)

  // Other labels for the same file: it is not read again, and its next lines carry them.
  writeFileSync(`${directory}/targets/a.json.new`, jsonTargets(directory, 'a', 'green'))
  renameSync(`${directory}/targets/a.json.new`, `${directory}/targets/a.json`)
  await waitFor(() => {
    appendFileSync(`${directory}/a.log`, 'more\n')
    return receiver.entries.some(({ labels }) => labels.includes('team="green"'))
  })
  t.equal(receiver.entries.filter(({ line }) => line === 'a 1').length, 1)
})

test('file_sd_configs keeps the last good targets of a damaged file, and counts it', async t => {
  const directory = t.testdir({ 'a.log': 'a 1\n', targets: {} })
  const file = `${directory}/targets/a.json`
  const good = jsonTargets(directory, 'a', 'red')
  writeFileSync(file, good)
  const receiver = await startReceiver(t)
  const agent = await startTestAgent(t, configOf(directory, receiver.url))
  const errors = async () => {
    const text = await agent.metrics.registry.metrics()
    return Number(/^prometheus_sd_file_read_errors_total (\d+)$/m.exec(text)?.[1])
  }
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(await errors(), 0)
  for (const [i, bad] of [
    good.slice(0, -4),
    '',
    '{}',
    '[null]',
    '[{"labels": {"1a": "b"}}]',
  ].entries()) {
    const before = await errors()
    writeFileSync(file, bad)
    await waitFor(async () => (await errors()) > before)
    appendFileSync(`${directory}/a.log`, `while bad ${i}\n`)
    await receiver.until(() => receiver.entries.some(({ line }) => line === `while bad ${i}`))
  }
  t.equal(agent.files().length, 1)
  t.same([...new Set(receiver.entries.map(({ labels }) => labels))].length, 1)

  // A deleted file is not a damaged one: its targets are read to their end and released.
  rmSync(file)
  await waitFor(() => agent.files().length === 0)
  t.equal(receiver.entries.length, 6)
})

test('file_sd_configs follows a link into a directory that is replaced, like that of a ConfigMap', async t => {
  const directory = t.testdir({ 'a.log': '1\n', 'b.log': '2\n', v1: {}, v2: {}, targets: {} })
  writeFileSync(`${directory}/v1/t.json`, jsonTargets(directory, 'a', 'x'))
  writeFileSync(`${directory}/v2/t.json`, jsonTargets(directory, 'b', 'x'))
  symlinkSync('../v1', `${directory}/targets/..data`)
  symlinkSync('..data/t.json', `${directory}/targets/t.json`)
  const receiver = await startReceiver(t)
  await startTestAgent(t, configOf(directory, receiver.url))
  await receiver.until(() => receiver.entries.length === 1)
  symlinkSync('../v2', `${directory}/targets/..data_tmp`)
  renameSync(`${directory}/targets/..data_tmp`, `${directory}/targets/..data`)
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(receiver.entries[1]!.line, '2')
})

test('parseTargetFile reports where a file is wrong', async t => {
  t.throws(() => parseTargetFile('/t.yml', '- targets: [a]\n  lables: {}\n'), {
    message: /^\/t\.yml:2:3: Unknown key lables in the list/,
  })
  t.throws(() => parseTargetFile('/t.json', '[{"targets": ["a"]'), { name: 'SyntaxError' })
  t.throws(() => parseTargetFile('/t.json', '[{"targets": "a"}]'), {
    message: /targets must be a list/,
  })
  const tabs = '[\n\t{\n\t\t"targets": ["h:1", "h:2"],\n\t\t"labels": {"a": "\\u00e9"}\n\t}\n]'
  t.same(
    parseTargetFile('/t.json', tabs).map(({ labels, targets }) => [
      Object.fromEntries(labels),
      targets.map(target => Object.fromEntries(target)),
    ]),
    [[{ a: 'é', __meta_filepath: '/t.json' }, [{ __address__: 'h:1' }, { __address__: 'h:2' }]]],
  )
})

test('file_sd_configs refuses patterns that Prometheus refuses', async t => {
  for (const file of ['/a*/b.json', '/a/b.txt', '']) {
    const text = configOf('/d', 'http://h/p').replace('/d/targets/*.json', file)
    await t.rejects(loadAgentConfig({ text, path: 'a.yaml' }), ConfigError, file)
  }
})

test('A group in a file that lists no targets has none', async t => {
  const groups = (text: string) =>
    parseTargetFile('/a.json', text).map(({ targets }) => targets.length)
  t.strictSame(groups('[{"labels": {"__path__": "/a"}}]'), [])
  t.strictSame(groups('[{"targets": ["a", "b"], "labels": {"__path__": "/a"}}]'), [2])
})
