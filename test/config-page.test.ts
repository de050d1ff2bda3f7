// The configuration page matches its schema.

import { readFileSync } from 'node:fs'
import { blockSchemas, keysWithoutMeaning, refusedKeys } from '@skald/store'
import { test } from 'tap'
import { configPagePath, renderConfigPage } from '../docs/config-page.ts'

const page = readFileSync(configPagePath, 'utf8')

test('docs/config.md is generated from the schema', async t => {
  t.equal(page, renderConfigPage(), 'run `npm run docs`')
})

test('docs/config.md names every key, and explains each one that is followed', async t => {
  for (const [block, { properties }] of Object.entries(blockSchemas)) {
    for (const [key, schema] of Object.entries(properties) as [
      string,
      { description?: string },
    ][]) {
      if (key in blockSchemas) continue
      t.match(page, key)
      t.ok(schema.description, `${block}.${key}`)
    }
  }
})

test('docs/config.md lists the keys without meaning and the refused ones, with a reason', async t => {
  for (const { why, keys } of keysWithoutMeaning) {
    for (const key of keys) t.match(page, `\`${key}\``)
    t.match(why, /^[A-Z].*\.$/)
  }
  for (const { key, unless, why } of refusedKeys) {
    t.match(page, `\`${key}\``)
    t.match(unless, /^[a-z]/)
    t.match(why, /^[A-Za-z].*; .*\.$/, `${key}: why, and what to do`)
  }
  const all = [
    ...keysWithoutMeaning.flatMap(({ keys }) => keys),
    ...refusedKeys.map(({ key }) => key),
  ]
  t.equal(new Set(all).size, all.length, 'no key has two classes')
})
