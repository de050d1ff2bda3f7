// Lets a schema accept the keys of Loki that Skald does not follow.

import { unfollowedKeysOf } from './judge.ts'

/** Allows the keys of Loki that Skald does not follow in a block. judge.ts checks them. */
export function withUnfollowed<Schema extends { readonly properties: object }>(
  schema: Schema,
  name: string,
): Schema {
  const note = { description: 'Not supported, see docs/config.md.', isUnfollowed: true }
  const unfollowed = Object.fromEntries(unfollowedKeysOf(name).map(key => [key, note]))
  // Not in the type, so that no code can read a key that is not followed.
  return { ...schema, properties: { ...unfollowed, ...schema.properties } }
}
