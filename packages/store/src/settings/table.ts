// The table of all keys with their classes: what is followed is in the schema, what is not in the files beside
// this one. docs/config.md is made from it.

import { blockSchemas } from '../config-schema.ts'
import { unfollowedClassOf } from './judge.ts'
import type { SettingClass } from './setting.ts'

/** Class of a key, by its path in the file; `[]` stands for the items of a list. Nothing for one that is unknown. */
export function classOf(path: string): SettingClass | undefined {
  return unfollowedClassOf(path) ?? (isFollowed(path) ? 'followed' : undefined)
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

function isFollowed(path: string): boolean {
  let schema: Schema | undefined = blockSchemas[''] as Schema
  for (const key of path.replaceAll('[]', '.[]').split('.')) {
    schema = key === '[]' ? schema?.items : schema?.properties?.[key]
  }
  return schema !== undefined
}
