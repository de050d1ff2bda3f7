// Walks through a configuration as written, and finds the keys that have no meaning here and those
// that are refused.

import { bucketKeys } from './bucket-in-use.ts'
import { refusedKeys } from './refused.ts'
import type { RefusedKey, WrittenFile } from './setting.ts'
import { keysWithoutMeaning } from './without-meaning.ts'

/** A key of a file that Skald does not follow. */
export interface SettingFinding {
  readonly kind: 'idle' | 'doubt' | 'error'
  /** Path of the key in the file. */
  readonly keys: readonly string[]
  /** What is wrong; empty for a key without meaning. */
  readonly message: string
}

const meaningless = new Set(keysWithoutMeaning.flatMap(({ keys }) => keys))
const refused: ReadonlyMap<string, RefusedKey> = new Map(refusedKeys.map(key => [key.key, key]))
/** Refused keys, and followed ones that have no effect in some files. */
const judged: ReadonlyMap<string, RefusedKey> = new Map(
  [...refusedKeys, ...bucketKeys].map(key => [key.key, key]),
)

/** Paths that contain a key of the table. */
const blocks = new Set(
  [...meaningless, ...judged.keys()].flatMap(path => {
    const parts = path.replaceAll('[]', '.[]').split('.')
    return parts.slice(1).map((_, i) => joinPattern(parts.slice(0, i + 1)))
  }),
)

/**
 * Finds the keys of a file that Skald does not follow, in the order of the file.
 *
 * @param at Path in the table of the file's top level: for a tenant in an overrides file,
 * `limits_config`.
 */
export function judgeSettings(file: unknown, at = ''): SettingFinding[] {
  const findings: SettingFinding[] = []
  const visit = (value: unknown, place: Place): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      if (inner === null) continue
      const keys = [...place.keys, key]
      const pattern = joinPattern([place.pattern, Array.isArray(value) ? '[]' : key])
      const isMeaningless = meaningless.has(pattern)
      const verdict = judged.get(pattern)?.judge(inner, file as WrittenFile, keys)
      if (verdict && !(place.isNamed && verdict.kind === 'idle')) {
        findings.push({ message: '', ...verdict, keys })
      }
      if (isMeaningless && !place.isNamed) findings.push({ kind: 'idle', keys, message: '' })
      if (!blocks.has(pattern)) continue
      visit(inner, { keys, pattern, isNamed: place.isNamed || isMeaningless })
    }
  }
  visit(file, { keys: [], pattern: at, isNamed: false })
  return findings
}

interface Place {
  readonly keys: readonly string[]
  readonly pattern: string
  /** Whether a block around it is already listed. */
  readonly isNamed: boolean
}

function joinPattern(parts: readonly string[]): string {
  return parts
    .filter(part => part !== '')
    .join('.')
    .replaceAll('.[]', '[]')
}

/** Returns the names of a block's keys that Skald does not follow, for its schema. */
export function unfollowedKeysOf(block: string): string[] {
  const prefix = block === '' ? '' : `${block}.`
  const names = [...meaningless, ...refused.keys()]
    .filter(path => path.startsWith(prefix))
    .map(path => path.slice(prefix.length).split(/[.[]/)[0]!)
  return [...new Set(names)].sort()
}

/** Returns the path of a key of this name that is not followed: the first in the alphabet. */
export function unfollowedPathTo(name: string): string | undefined {
  const paths = [...meaningless, ...refused.keys()].filter(path => !path.includes('[]'))
  return paths.filter(path => path.endsWith(`.${name}`)).sort()[0]
}

/**
 * Returns the class of a key that is not followed. A key below a listed block has the block's
 * class.
 */
export function unfollowedClassOf(path: string): 'without meaning' | 'refused' | undefined {
  const parts = path.replaceAll('[]', '.[]').split('.')
  for (let length = parts.length; length > 0; length--) {
    const pattern = joinPattern(parts.slice(0, length))
    if (refused.has(pattern)) return 'refused'
    if (meaningless.has(pattern)) return 'without meaning'
  }
  return undefined
}
