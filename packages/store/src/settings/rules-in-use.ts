// Checks whether anybody relies on alerts. Skald evaluates no rules, so a configuration that makes
// Loki evaluate rules is an error. Stock files only name a directory for rules and an Alertmanager
// on the same machine. If that directory holds no rules, the store starts and logs a warning.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { rulesDirectoryDepthMax } from '../limits.ts'
import { isEmpty, type RefusedKey, type Verdict } from './setting.ts'

const way = 'move the rules to Grafana alerting, then remove'

const unlessEmpty = (key: string, what: string): RefusedKey => ({
  key,
  unless: 'it is empty or false',
  why: `Skald evaluates no rules, so ${what}; ${way} this key.`,
  judge: value =>
    isEmpty(value) || value === false
      ? undefined
      : {
          kind: 'error',
          message: `Skald evaluates no rules, so ${what}; ${way} this key`,
        },
})

const localKinds = ['', 'local', 'filesystem']
const lost = 'these alerts would not fire'

/**
 * Keys that say where rules are stored and where alerts go. A block for another rule storage has no
 * meaning of its own, in Loki too: the type next to it decides.
 */
export const ruleKeys: readonly RefusedKey[] = [
  {
    key: 'ruler.alertmanager_url',
    unless:
      'it is on this machine, as in the file that comes with Loki; then a warning says that no alert fires',
    why: `Skald evaluates no rules, so this Alertmanager would get no alerts; ${way} this key.`,
    judge: judgeAlertmanager,
  },
  unlessEmpty('ruler.enable_alertmanager_discovery', 'no Alertmanager would get alerts'),
  unlessEmpty('ruler.remote_write.enabled', 'nothing would be written there'),
  unlessEmpty('limits_config.ruler_alertmanager_config', 'this Alertmanager would get no alerts'),
  ...['ruler.storage.type', 'ruler_storage.backend'].map(
    (key): RefusedKey => ({
      key,
      unless: 'it is `local` or `filesystem`',
      why: `Skald evaluates no rules, so ${lost}; ${way} this key.`,
      judge: value =>
        localKinds.includes(String(value ?? ''))
          ? undefined
          : {
              kind: 'error',
              message: `Skald evaluates no rules, so ${lost}; ${way} this key`,
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
      unless: 'that directory has no files',
      why: `Skald evaluates no rules, so the alerts in these files would not fire; ${way} the files or this key.`,
      judge: value => judgeDirectory(key, value),
    }),
  ),
]

function judgeAlertmanager(value: unknown): Verdict {
  if (isEmpty(value)) return undefined
  const why = 'Skald evaluates no rules, so this Alertmanager would get no alerts'
  const urls = String(value).split(',')
  const isStock = urls.every(url =>
    /^https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?\/?$/.test(url.trim()),
  )
  if (!isStock) return { kind: 'error', message: `${why}; ${way} this key` }
  return { kind: 'doubt', message: `${why}; if you have rules, ${way} this key` }
}

function judgeDirectory(key: string, value: unknown): Verdict {
  if (typeof value !== 'string' || value === '') return undefined
  const found = firstFileBelow(value)
  if (found === undefined) {
    // The stock file names a directory for a ruler that it does not configure.
    if (key.startsWith('common.')) return { kind: 'idle' }
    const message = `Skald evaluates no rules, and there are none in ${value} now: remove this key`
    return { kind: 'doubt', message }
  }
  return {
    kind: 'error',
    message: `Skald evaluates no rules, so the alerts in ${found} would not fire; ${way} the files there or this key`,
  }
}

/**
 * Returns the path of a file below a directory, or of the directory itself if it cannot be read.
 * Returns undefined if there is none.
 */
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
