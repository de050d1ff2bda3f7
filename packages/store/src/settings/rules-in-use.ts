// Whether somebody counts on alerts. Skald evaluates no rules: a configuration by which Loki would is an error. A
// stock file only names a place for rules and an Alertmanager on the same machine; whether rules lie in that
// place is looked up, and where there are none the store starts and says so.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { rulesDirectoryDepthMax } from '../limits.ts'
import { isEmpty, type RefusedKey, type Verdict } from './setting.ts'

const way = 'move the rules to the alerting of Grafana, then remove'

const unlessEmpty = (key: string, what: string): RefusedKey => ({
  key,
  unless: 'it is empty or false',
  why: `Skald evaluates no rules, so that ${what}; ${way} this key.`,
  judge: value =>
    isEmpty(value) || value === false
      ? undefined
      : {
          kind: 'error',
          message: `Skald evaluates no rules, so that ${what}; ${way} this key`,
        },
})

const localKinds = ['', 'local', 'filesystem']
const lost = 'these alerts would not fire'

/**
 * Keys that say where rules lie and where alerts go. A block for another storage of rules has no meaning by
 * itself, in Loki too: the kind beside it counts.
 */
export const ruleKeys: readonly RefusedKey[] = [
  {
    key: 'ruler.alertmanager_url',
    unless:
      'it is on this machine, as in the file that comes with Loki: a warning says that no alert fires',
    why: `Skald evaluates no rules, so that nothing would come to this Alertmanager; ${way} this key.`,
    judge: judgeAlertmanager,
  },
  unlessEmpty('ruler.enable_alertmanager_discovery', 'nothing would come to an Alertmanager'),
  unlessEmpty('ruler.remote_write.enabled', 'nothing would be written there'),
  unlessEmpty('limits_config.ruler_alertmanager_config', 'nothing would come to this Alertmanager'),
  ...['ruler.storage.type', 'ruler_storage.backend'].map(
    (key): RefusedKey => ({
      key,
      unless: 'it is `local` or `filesystem`',
      why: `Skald evaluates no rules, so that ${lost}; ${way} this key.`,
      judge: value =>
        localKinds.includes(String(value ?? ''))
          ? undefined
          : {
              kind: 'error',
              message: `Skald evaluates no rules, so that ${lost}; ${way} this key`,
            },
    }),
  ),
  ...[
    'common.storage.filesystem.rules_directory',
    'ruler.storage.local.directory',
    'ruler_storage.filesystem.dir',
    'ruler_storage.local.directory',
  ].map(
    (key): RefusedKey => ({
      key,
      unless: 'no file lies in that directory',
      why: `Skald evaluates no rules, so that the alerts of these files would not fire; ${way} the files, or this key.`,
      judge: value => judgeDirectory(key, value),
    }),
  ),
]

function judgeAlertmanager(value: unknown): Verdict {
  if (isEmpty(value)) return undefined
  const why = 'Skald evaluates no rules, so that nothing would come to this Alertmanager'
  const urls = String(value).split(',')
  const isStock = urls.every(url =>
    /^https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?\/?$/.test(url.trim()),
  )
  if (!isStock) return { kind: 'error', message: `${why}; ${way} this key` }
  return { kind: 'doubt', message: `${why}; where there are rules, ${way} this key` }
}

function judgeDirectory(key: string, value: unknown): Verdict {
  if (typeof value !== 'string' || value === '') return undefined
  const found = firstFileBelow(value)
  if (found === undefined) {
    // The stock file names one for a ruler that it does not set up.
    if (key.startsWith('common.')) return { kind: 'idle' }
    const message = `Skald evaluates no rules, and none lie in ${value} at the moment: remove this key`
    return { kind: 'doubt', message }
  }
  return {
    kind: 'error',
    message: `Skald evaluates no rules, so that the alerts of ${found} would not fire; ${way} the files there, or this key`,
  }
}

/** Path of a file below a directory; the directory itself where it may not be read. */
function firstFileBelow(directory: string, depth = 0): string | undefined {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : directory
  }
  for (const name of names.sort()) {
    if (name.startsWith('.')) continue
    const path = join(directory, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isFile()) return path
    const found =
      stat?.isDirectory() && depth < rulesDirectoryDepthMax
        ? firstFileBelow(path, depth + 1)
        : undefined
    if (found) return found
  }
  return undefined
}
