// The page of the configuration is what its schema says.

import { readFileSync } from 'node:fs'
import { blockSchemas, ignoredKeys } from '@skald/store'
import { test } from 'tap'
import { configPagePath, renderConfigPage } from '../docs/config-page.ts'

const page = readFileSync(configPagePath, 'utf8')

test('docs/config.md is made from the schema', async t => {
  t.equal(page, renderConfigPage(), 'run `npm run docs`')
})

test('docs/config.md names every key, and says what each one that counts does', async t => {
  for (const [block, { properties }] of Object.entries(blockSchemas)) {
    const ignored: readonly string[] =
      (ignoredKeys as Readonly<Record<string, readonly string[]>>)[block] ?? []
    for (const [key, schema] of Object.entries(properties) as [
      string,
      { description?: string },
    ][]) {
      if (key in blockSchemas) continue
      t.match(page, `\`${key}\``)
      if (!ignored.includes(key)) t.ok(schema.description, `${block}.${key}`)
    }
  }
})
