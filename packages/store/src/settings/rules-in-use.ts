// Keys of the ruler that Skald does not follow. Rules in another storage would not be found, so their alerts would not
// fire.

import { type RefusedKey, valueAt, type WrittenFile } from './setting.ts'

const localKinds = ['', 'local', 'filesystem']

const noStorage =
  'rules are read from local files and by API, so the alerts in that storage would not fire; write local, and load the rules with lokitool (docs/rules.md)'

/** Refused keys of the ruler. */
export const ruleKeys: readonly RefusedKey[] = [
  ...['ruler.storage.type', 'ruler_storage.backend'].map(
    (key): RefusedKey => ({
      key,
      unless: 'it is `local` or `filesystem`',
      why: `${noStorage[0]!.toUpperCase()}${noStorage.slice(1)}.`,
      judge: (value, file) => {
        if (localKinds.includes(String(value ?? ''))) return undefined
        return isOtherBlock(key, file) ? { kind: 'idle' } : { kind: 'error', message: noStorage }
      },
    }),
  ),
]

/** In Loki, `storage_config.use_thanos_objstore` says which of the two blocks counts. */
function isOtherBlock(key: string, file: WrittenFile): boolean {
  const isThanos = valueAt(file, 'storage_config.use_thanos_objstore') === true
  return (
    key.startsWith('ruler_storage.') !== isThanos && valueAt(file, 'ruler.storage.type') === 'local'
  )
}
