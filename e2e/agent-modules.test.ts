// Checks which modules an agent loads. Modules take most of the memory of an idle agent, so those
// that its configuration does not need must not be loaded.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { loadedModules } from './loaded-modules.ts'
import { loopbackHost, reservePort, rootDir, spawnSkald, waitUntilReady } from './skald-process.ts'

/** An agent with one job that records its modules. */
interface RecordedAgent {
  /** Returns the paths of the loaded modules, relative to the root. */
  loaded(): readonly string[]
  /** Gives the job other keys and makes the agent reload its configuration. */
  reload(job: string): Promise<void>
  /** Ends the agent. Only then are Node's internal modules known. */
  end(): Promise<void>
}

/** Starts an agent whose job reads files and has further keys. Resolves when it is ready. */
async function startRecordedAgent(t: Test, job: string): Promise<RecordedAgent> {
  const dir = t.testdir()
  mkdirSync(join(dir, 'logs'))
  writeFileSync(join(dir, 'logs/a.log'), 'a line\n')
  const port = await reservePort()
  const config = join(dir, 'agent.yaml')
  const write = (keys: string) =>
    writeFileSync(
      config,
      `server: {http_listen_address: ${loopbackHost}, http_listen_port: ${port}, enable_runtime_reload: true}
positions: {filename: ${join(dir, 'positions.yaml')}}
clients: [{url: 'http://${loopbackHost}:9/loki/api/v1/push'}]
scrape_configs:
  - job_name: files
    static_configs: [{labels: {__path__: ${join(dir, 'logs/*.log')}}}]
    ${keys}
`,
    )
  write(job)
  const record = join(dir, 'modules.txt')
  const agent = spawnSkald({
    args: ['agent', `-config.file=${config}`],
    outputFile: join(dir, 'agent.log'),
    env: {
      NODE_OPTIONS: `--import=${join(rootDir, 'e2e/module-record.ts')}`,
      SKALD_MODULE_RECORD: record,
    },
  })
  t.teardown(() => agent.end('SIGTERM'))
  const url = `http://${loopbackHost}:${port}`
  await waitUntilReady(agent, `${url}/ready`, 30_000)
  return {
    loaded: () => loadedModules(record),
    async reload(keys) {
      write(keys)
      const answer = await fetch(`${url}/reload`, { method: 'POST' })
      t.equal(await answer.text(), 'Configuration changed\n')
    },
    async end() {
      await agent.end('SIGTERM')
    },
  }
}

/** Modules that an agent does not need to read plain files. */
const laterModules = [
  /^node_modules\/(ajv|protobufjs|@platformatic|sax|lcid|mmdb-lib|@jmespath-community)\//,
  // Node's fetch: an `import` of node:http would load it.
  /^NativeModule internal\/(deps\/undici|webstreams)\//,
  /^packages\/wire\/src\/(otlp|push-codec)\.ts$/,
  /^node_modules\/(chokidar|readdirp)\//,
  /^packages\/query\//,
  /^packages\/go-dialect\/src\/template\/functions\//,
  /^packages\/agent\/src\/pipeline\/stages\/(?!cri\.ts$)/,
  /^packages\/agent\/src\/discovery\/(\w+\/|\w+-sd\.ts$)/,
  /^packages\/agent\/src\/sources\/(gelf|journal|kafka|loki-push-api|syslog|windows)/,
]
const needless = (loaded: readonly string[]) =>
  loaded.filter(path => laterModules.some(pattern => pattern.test(path)))

test('an agent that reads files loads nothing that only other jobs need', async t => {
  const agent = await startRecordedAgent(t, 'pipeline_stages: [{cri: {}}]')
  await agent.end()
  const loaded = agent.loaded()
  t.ok(loaded.includes('packages/agent/src/tail/tailer.ts'), 'the record lists the loaded modules')
  t.ok(loaded.includes('NativeModule http'), "and Node's internal ones")
  t.ok(loaded.includes('packages/agent/src/pipeline/stages/cri.ts'))
  t.same(needless(loaded), [])
})

test('an agent loads what a reload needs, and no more', async t => {
  const agent = await startRecordedAgent(t, 'pipeline_stages: [{cri: {}}]')
  await agent.reload(`file_sd_configs: [{files: [/nowhere/*.yaml]}]
    pipeline_stages: [{match: {selector: '{a="b"}', stages: [{template: {source: a, template: b}}]}}]`)
  const stages = 'packages/agent/src/pipeline/stages'
  const later = needless(agent.loaded())
  const named = [
    'packages/agent/src/discovery/file-sd.ts',
    ...[`${stages}/match.ts`, `${stages}/template.ts`],
    'packages/go-dialect/src/template/functions/text.ts',
  ]
  for (const path of named) t.ok(later.includes(path), path)
  const others = later.filter(path => !named.includes(path))
  const isTemplates = (path: string) => path.startsWith('packages/go-dialect/src/template/')
  t.same(
    others.filter(path => !isTemplates(path)),
    [],
  )
})
