// The real lokitool, as operators use it in their pipelines. CI builds it from e2e/fixtures/loki-tools. Elsewhere it comes
// from the PATH, and without it the tests are skipped.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { t as root, test } from 'tap'
import { parse } from 'yaml'
import { awaitCiProgram } from './ci-programs.ts'
import { startStore } from './harness.ts'

root.setTimeout(500_000)

const program = (await awaitCiProgram('lokitool', 'version')) ?? ''
const needsLokitool = { skip: program ? false : 'there is no lokitool on the PATH' }

const file = (namespace: string, groups: readonly string[], threshold = 1) =>
  `namespace: ${namespace}\ngroups:\n${groups
    .map(
      name => `  - name: ${name}
    rules:
      - alert: High
        expr: sum by (app) (count_over_time({app="web"}[5m])) > ${threshold}
        for: 5m
        labels: {severity: page}
      - record: app:lines:${name}
        expr: sum by (app) (rate({app="web"}[1m]))
`,
    )
    .join('')}`

test(
  'lokitool loads, lists, prints, compares, syncs, checks and deletes rules',
  needsLokitool,
  async t => {
    const dir = t.testdir()
    const rules = join(dir, 'rules')
    mkdirSync(rules)
    const [a, b] = ['a.yaml', 'b.yaml'].map(name => join(rules, name)) as [string, string]
    writeFileSync(a, file('team/a', ['one', 'two']))
    writeFileSync(b, file('team-b', ['three']))
    const store = await startStore(t, { dir, config: 'ruler: {enable_api: true}\n', tenants: true })
    const run = (command: string, ...args: readonly string[]) =>
      new Promise<{ code: number | null; output: string }>(done => {
        const isLocal = command === 'lint' || command === 'check'
        const server = isLocal ? [] : [`--address=${store.url}`, '--id=t1']
        const child = spawn(program, ['rules', command, ...server, ...args])
        let output = ''
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', chunk => {
            output += String(chunk)
          })
        child.once('close', code => done({ code, output }))
      })
    const listed = async () => {
      const answer = await store.request('/loki/api/v1/rules', {
        headers: { 'x-scope-orgid': 't1' },
      })
      if (answer.status === 404) return {}
      const found = parse(answer.body) as Record<string, { name: string }[]>
      return Object.fromEntries(
        Object.entries(found).map(([name, groups]) => [name, groups.map(one => one.name)]),
      )
    }
    t.match(await run('lint', b), { code: 0 })
    t.match(await run('check', b), { code: 0 })
    // lokitool puts a namespace with a slash into the path as it is, so Loki and Skald know no such route.
    writeFileSync(a, file('team-a', ['one', 'two']))
    t.match(await run('load', a, b), { code: 0 })
    t.same(await listed(), { 'team-a': ['one', 'two'], 'team-b': ['three'] })
    t.match(await run('list'), { code: 0, output: /team-a\s*\|\s*one[\s\S]*team-b\s*\|\s*three/ })
    t.match(await run('print', '--disable-color'), { code: 0, output: /app:lines:three/ })
    t.match(await run('get', '--disable-color', 'team-b', 'three'), {
      code: 0,
      output: /name: three/,
    })
    t.match(await run('diff', `--rule-dirs=${rules}`), { code: 0, output: /no changes detected/ })

    writeFileSync(a, file('team-a', ['one'], 5))
    t.match(await run('diff', `--rule-dirs=${rules}`), {
      code: 0,
      output: /1 Groups Updated, 1 Groups Deleted/,
    })
    t.match(await run('sync', `--rule-dirs=${rules}`), { code: 0 })
    t.same(await listed(), { 'team-a': ['one'], 'team-b': ['three'] })
    t.match(await run('diff', `--rule-dirs=${rules}`), {
      output: /no changes detected/,
    })
    t.match(readFileSync(b, 'utf8'), /team-b/)
    t.match(await run('delete', 'team-b', 'three'), { code: 0 })
    t.same(await listed(), { 'team-a': ['one'] })
  },
)
