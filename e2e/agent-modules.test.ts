// What an agent loads: modules are most of the memory of one that has little to do, so those that its
// configuration does not ask for stay where they are.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { loopbackHost, reservePort, rootDir, spawnSkald, waitUntilReady } from './skald-process.ts'

/** Runs an agent with these jobs until it is ready; returns paths of what it loaded, from the root. */
async function loadedModules(t: Test, job: string): Promise<string[]> {
  const dir = t.testdir()
  mkdirSync(join(dir, 'logs'))
  writeFileSync(join(dir, 'logs/a.log'), 'a line\n')
  const port = await reservePort()
  const config = join(dir, 'agent.yaml')
  writeFileSync(
    config,
    `server: {http_listen_address: ${loopbackHost}, http_listen_port: ${port}}
positions: {filename: ${join(dir, 'positions.yaml')}}
clients: [{url: 'http://${loopbackHost}:9/loki/api/v1/push'}]
scrape_configs:
  - job_name: files
    static_configs: [{labels: {__path__: ${join(dir, 'logs/*.log')}}}]
    ${job}
`,
  )
  const record = join(dir, 'modules.txt')
  const agent = spawnSkald({
    args: ['agent', `-config.file=${config}`],
    outputFile: join(dir, 'agent.log'),
    env: {
      NODE_OPTIONS: `--import=${join(rootDir, 'e2e/module-record.ts')}`,
      SKALD_MODULE_RECORD: record,
    },
  })
  t.teardown(() => agent.end('SIGKILL'))
  await waitUntilReady(agent, `http://${loopbackHost}:${port}/ready`, 30_000)
  await agent.end('SIGTERM')
  const urls = readFileSync(record, 'utf8').split('\n')
  return urls.map(url => url.replace(`file://${rootDir}`, ''))
}

const laterModules = [
  /^node_modules\/(ajv|@platformatic|sax)\//,
  /^packages\/wire\/src\/otlp\.ts$/,
  /^packages\/query\/src\/(index|engine)\.ts$/,
  /^packages\/query\/src\/(pipeline|leaf|metric-query)\//,
]

test('an agent loads no engine of queries, and nothing that only some jobs need', async t => {
  const loaded = await loadedModules(t, 'pipeline_stages: [{cri: {}}]')
  t.ok(loaded.includes('packages/agent/src/tail/tailer.ts'), 'the record holds what is loaded')
  t.same(
    loaded.filter(path => laterModules.some(pattern => pattern.test(path))),
    [],
  )
})
