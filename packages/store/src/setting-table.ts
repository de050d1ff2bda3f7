// The table of all keys with their classes. Followed keys come from the schema, the others from the
// files in settings/. docs/config.md is generated from it.

import { blockSchemas } from './config-schema.ts'
import { unfollowedClassOf } from './settings/judge.ts'
import type { SettingClass } from './settings/setting.ts'

/**
 * Returns the class of a key by its path in the file, or `undefined` if the key is unknown. `[]`
 * stands for the items of a list.
 */
export function classOf(path: string): SettingClass | undefined {
  return unfollowedClassOf(path) ?? (isFollowed(path) ? 'followed' : undefined)
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  /** Forms of a value, such as a block or null. */
  readonly anyOf?: readonly Schema[]
}

function isFollowed(path: string): boolean {
  let schema: Schema | undefined = blockSchemas[''] as Schema
  for (const key of path.replaceAll('[]', '.[]').split('.')) {
    const forms: readonly Schema[] = schema?.anyOf ?? (schema ? [schema] : [])
    const inner = forms.map(form => (key === '[]' ? form.items : form.properties?.[key]))
    schema = inner.find(found => found !== undefined)
  }
  return schema !== undefined
}
