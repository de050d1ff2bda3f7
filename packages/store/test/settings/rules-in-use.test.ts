// Rules that would not be evaluated are an error. A directory for rules that holds none is not.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { parse } from 'yaml'
import { judgeSettings } from '../../src/settings/judge.ts'

const found = (text: string) =>
  judgeSettings(parse(text)).map(
    ({ kind, keys, message }) => `${kind} ${keys.join('.')} ${message}`,
  )

test("the Alertmanager of Loki's stock file is a doubt, another one is an error", async t => {
  for (const url of ['http://localhost:9093', 'http://127.0.0.1:9093/']) {
    t.match(found(`ruler: {alertmanager_url: "${url}"}`), [
      /^idle ruler /,
      /^doubt ruler\.alertmanager_url Skald evaluates no rules, so this Alertmanager would get/,
    ])
  }
  for (const url of ['http://am:9093', 'http://localhost:9093,http://am:9093']) {
    t.match(found(`ruler: {alertmanager_url: "${url}"}`), [
      /^idle ruler /,
      /^error ruler\.alertmanager_url /,
    ])
  }
})

test('a directory for rules is an error if it contains files, including links of a ConfigMap', async t => {
  const dir = t.testdir({ rules: {}, mounted: {} })
  const rules = join(dir, 'rules')
  const keys = [
    [
      'ruler.storage.local.directory',
      `ruler: {storage: {type: local, local: {directory: ${rules}}}}`,
    ],
    [
      'ruler_storage.local.directory',
      `ruler_storage: {backend: local, local: {directory: ${rules}}}`,
    ],
    ['ruler_storage.filesystem.dir', `ruler_storage: {filesystem: {dir: ${rules}}}`],
  ] as const
  const common = `common: {storage: {filesystem: {rules_directory: ${rules}}}}`
  for (const [key, text] of keys) {
    t.match(
      found(text).at(-1),
      `doubt ${key} Skald evaluates no rules, and there are none in ${rules} now`,
    )
  }
  t.same(found(common), ['idle common.storage.filesystem.rules_directory '])
  mkdirSync(join(rules, 'fake'))
  t.match(found(keys[0][1]).at(-1), /^doubt /, 'a directory of a tenant without rules')

  // The layout the kubelet uses for a ConfigMap.
  mkdirSync(join(dir, 'mounted', '..data'))
  writeFileSync(join(dir, 'mounted', '..data', 'alerts.yaml'), 'groups: []\n')
  symlinkSync(join(dir, 'mounted'), join(rules, 'fake', 'link'))
  t.match(found(keys[0][1]).at(-1), /^doubt /, 'hidden files do not count')
  symlinkSync(join('..data', 'alerts.yaml'), join(dir, 'mounted', 'alerts.yaml'))
  const file = join(rules, 'fake', 'link', 'alerts.yaml')
  for (const [key, text] of [
    ...keys,
    ['common.storage.filesystem.rules_directory', common],
  ] as const) {
    t.match(
      found(text).at(-1),
      `error ${key} Skald evaluates no rules, so the alerts in ${file} would not fire; move`,
    )
  }
})

test('a missing directory holds no rules, nor does a file in its place', async t => {
  const dir = t.testdir({ file: '' })
  for (const name of ['nowhere', 'file']) {
    const text = `ruler: {storage: {local: {directory: ${join(dir, name)}}}}`
    t.match(found(text).at(-1), /^doubt /)
  }
})
