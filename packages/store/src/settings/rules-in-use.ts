// Keys of the ruler that Skald does not follow. Rules in another storage would not be found, so their alerts would not
// fire.

import { isEmpty, type RefusedKey, valueAt, type WrittenFile } from './setting.ts'

const localKinds = ['', 'local', 'filesystem']

function refuse(key: string, what: string): RefusedKey {
  return {
    key,
    unless: 'it is empty or false',
    why: `${what[0]!.toUpperCase()}${what.slice(1)}.`,
    judge: value =>
      isEmpty(value) || value === false ? undefined : { kind: 'error', message: what },
  }
}

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
  {
    key: 'ruler.evaluation.mode',
    unless: 'it is `local`',
    why: 'The store evaluates rules itself, and asks no query frontend; remove this key.',
    judge: value =>
      isEmpty(value) || value === 'local'
        ? undefined
        : {
            kind: 'error',
            message:
              'the store evaluates rules itself, and asks no query frontend; remove this key',
          },
  },
  refuse(
    'limits_config.ruler_remote_write_sigv4_config',
    'requests are not signed for AWS; let a proxy sign them, and remove this key',
  ),
]

/** In Loki, `storage_config.use_thanos_objstore` says which of the two blocks counts. */
function isOtherBlock(key: string, file: WrittenFile): boolean {
  const isThanos = valueAt(file, 'storage_config.use_thanos_objstore') === true
  return (
    key.startsWith('ruler_storage.') !== isThanos && valueAt(file, 'ruler.storage.type') === 'local'
  )
}
