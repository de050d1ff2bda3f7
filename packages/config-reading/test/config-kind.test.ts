import { test } from 'tap'
import { isOtherProgram, kindOfConfig, logFormatIn, parseYaml } from '../src/index.ts'

test('a configuration is recognized by its keys, even if it is not valid YAML', async t => {
  const f = (text: string, want: string) => t.equal(kindOfConfig(text), want, text)
  f('scrape_configs: []', 'agent')
  f('clients:\n  - {url: 1', 'agent')
  f('auth_enabled: false', 'store')
  f('server: {}', 'store')
  f('overrides: {}', 'overrides')
  f('', 'empty')
  f('# only a comment\n---\n', 'empty')
  f('server: {', 'store')
})

test('logFormatIn reads one key', async t => {
  t.equal(logFormatIn('server: {log_format: json}'), 'json')
  t.equal(logFormatIn('server: 1'), undefined)
  t.equal(logFormatIn('server: {log_format: json'), undefined)
})

test("the other program's configuration is reported in one sentence", async t => {
  const f = (text: string, program: 'agent' | 'store', want: readonly string[]) => {
    const { root, problems } = parseYaml(text)
    t.equal(isOtherProgram(root, program), want.length > 0, text)
    t.same(
      problems.map(({ line, message }) => `${line}: ${message}`),
      want,
    )
  }
  const store = 'server: {}\nauth_enabled: false\ncommon: {}\n'
  const agent = 'server: {}\nclients: []\nscrape_configs: []\n'
  f(store, 'agent', [
    "2: This is a store's (Loki's) configuration, because it has auth_enabled: run skald store with it",
  ])
  f(agent, 'store', [
    "3: This is an agent's (Promtail's) configuration, because it has scrape_configs: run skald agent with it",
  ])
  f(store, 'store', [])
  f(agent, 'agent', [])
  f(store + agent.replace('server: {}\n', ''), 'agent', [])
  f('server: {}', 'agent', [])
})
