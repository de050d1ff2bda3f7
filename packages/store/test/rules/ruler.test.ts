// The ruler when its catalog takes nothing.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import type { RulerConfig } from '../../src/ruler-config.ts'
import { LocalRules } from '../../src/rules/local-rules.ts'
import { Ruler } from '../../src/rules/ruler.ts'
import { createTestLogger } from '../harness.ts'

const hourMs = 3_600_000

function configOf(directory: string): RulerConfig {
  const nobody = { servers: [], discoveryMs: undefined, relabelRules: [] }
  return {
    ...{ directory, pollMs: 10, evaluationMs: hourMs, externalUrl: '', datasourceUid: '' },
    ...{ externalLabels: new Map(), outageToleranceMs: hourMs, graceMs: 0, resendDelayMs: hourMs },
    ...{ hasApi: true, enabledTenants: [], disabledTenants: [], hasGroupLabel: true },
    alertmanager: { ...nobody, queueCapacity: 1, timeoutMs: 1 },
    remoteWrite: { clients: [], sendsTenant: false },
    ...{ webhooks: [], webhookHosts: [] },
  }
}

test('files that change while the catalog takes nothing do not end the store', async t => {
  const dir = t.testdir()
  const path = join(dir, 'rules', 'fake', 'web.yaml')
  mkdirSync(join(dir, 'rules', 'fake'), { recursive: true })
  writeFileSync(path, 'groups: [{name: g, rules: [{record: a, expr: vector(1)}]}]')
  const { logger, messages } = createTestLogger()
  const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  const neverAsked = () => {
    throw new Error('nothing is evaluated within an hour')
  }
  const ruler = new Ruler({
    ...{ config: configOf(join(dir, 'rules')), logger, version: '', clock: Date },
    rules: new LocalRules({ rules: catalog.rules, dataDir: dir, keep: undefined }),
    ...{ registry: new Registry(), limitsOf: neverAsked, openSource: neverAsked },
  })
  await ruler.start()
  t.teardown(() => ruler.close())
  t.equal((await ruler.list({ tenant: 'fake' })).length, 1)
  await catalog.close()
  rmSync(path)
  const isSaid = () => messages().some(text => text.includes('cannot follow the files of rules'))
  while (!isSaid()) await new Promise(resolve => setTimeout(resolve, 5))
  t.equal((await ruler.status('fake')).length, 0)
})
