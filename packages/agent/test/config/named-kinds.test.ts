import { parseYaml } from '@skald/config-reading'
import { test } from 'tap'
import { ConfigError, loadAgentConfig } from '../../src/index.ts'
import { loadStageReader } from '../../src/pipeline/registry.ts'

test('every kind of stage can be loaded', async t => {
  const read = async (text: string) => {
    const { root, problems } = parseYaml(text)
    const stages = (await loadStageReader([root], {}))(root)
    return { stages, problems: problems.map(({ message }) => message) }
  }
  const [unknown = ''] = (await read('[none: {}]')).problems
  const names = unknown.replace(/.* one of /, '').split(', ')
  t.ok(names.length > 20)
  for (const name of names) {
    const { stages = [], problems } = await read(`[${name}: ]`)
    t.ok(stages.length + problems.length > 0, name)
    t.notMatch(problems, [/Unknown stage/], name)
  }
})

const head = `clients: [{url: "http://h/"}]
scrape_configs:
`

test('Kinds are found wherever YAML allows their names', async t => {
  const config = await loadAgentConfig({
    text: `${head}  - &first
    job_name: a
    dns_sd_configs: [{names: [a]}]
    pipeline_stages: &stages
      - match:
          selector: '{a="b"}'
          stages: [{match: {selector: '{c="d"}', stages: [{labels: {e: }}]}}]
  - {<<: *first, job_name: b, consul_sd_configs: [{}]}
  - {<<: [{syslog: {listen_address: "127.0.0.1:1"}}], job_name: c, pipeline_stages: *stages}
`,
    path: 'a.yaml',
  })
  t.same(
    config.scrapeConfigs.map(({ stages, discoveries, source }) => [
      ...[stages.length, discoveries.length, source !== undefined],
    ]),
    [
      [1, 1, false],
      [1, 2, false],
      [1, 0, true],
    ],
  )
})

test('The search for kinds reports no problems itself', async t => {
  const text = `${head}  - 1
  - {job_name: a, job_name: b, static_configs: [], pipeline_stages: {cri: {}}}
  - {job_name: c, static_configs: [], pipeline_stages: [cri, {none: {}}, {match: {stages: 1}}]}
`
  const error = await loadAgentConfig({ text, path: 'a.yaml' }).catch((caught: unknown) => caught)
  if (!(error instanceof ConfigError)) throw error
  const times = (message: RegExp) => error.problems.filter(p => message.test(p.message)).length
  t.equal(times(/scrape_configs\[0\] must be a map/), 1)
  t.equal(times(/pipeline_stages must be a list/), 1)
  t.equal(times(/found the text "cri" in pipeline_stages/), 1)
  t.equal(times(/Unknown stage type none/), 1)
  t.equal(times(/stages must be a list, found the number 1/), 1)
})
